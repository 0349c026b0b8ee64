import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PAYLOAD_BYTES_MAX, TEXT_CHARS_MAX } from '../../../src/orchestrator/audit/entry.ts'
import type { Action } from '../../../src/orchestrator/index.ts'
import { type TestRecord, testRecord } from '../../harness/record.ts'

let record: TestRecord

beforeAll(async () => {
  record = await testRecord()
})

afterAll(() => record.drop())

async function actionsOf(sessionId: string): Promise<Action[]> {
  const { actions } = await record.audit.list({ sessionId, limit: 200 })
  return actions.sort((a, b) => a.seq - b.seq)
}

describe('an action', () => {
  test('is written at the end of the chain of its session, and read as it was given', async () => {
    const sessionId = await record.session()
    const given = {
      actionType: 'command',
      actionDescription: 'ran the tests',
      inputData: { argv: ['npm', 'test'], deep: { null: null, number: 1.5 } },
      outputData: { failed: 0 },
      success: false,
      errorMessage: 'one failed',
      executionTimeMs: 12.345,
      changedFiles: ['src/a.ts'],
      commandsExecuted: ['npm test'],
      apiEndpointsCalled: ['GET /health'],
      metadata: { aB: 1 },
    }
    const written = await record.audit.log({ sessionId, ...given })
    expect(written).toEqual({
      actionId: expect.stringMatching(/^action_[0-9a-f]{12}$/),
      seq: 2,
      hash: expect.any(String),
    })
    const [created, action] = await actionsOf(sessionId)
    expect(created).toMatchObject({ actionType: 'session_created', seq: 1, previousHash: '0'.repeat(64) })
    expect(action).toMatchObject({
      ...given,
      ...written,
      taskId: null,
      chainId: sessionId,
      previousHash: created?.hash,
    })
    expect(await record.audit.verify({ sessionId })).toEqual({ valid: true, checked: 2, detached: 0 })
  })

  test('of an unknown session or task is refused by field', async () => {
    const sessionId = await record.session()
    const refused = (field: string) => ({
      code: 'invalid_input',
      errors: [{ pointer: field, detail: expect.any(String) }],
    })
    await expect(record.audit.log({ sessionId: 'nobody', actionType: 'x' })).rejects.toMatchObject(
      refused('/session_id'),
    )
    await expect(record.audit.log({ sessionId, taskId: 'none', actionType: 'x' })).rejects.toMatchObject(
      refused('/task_id'),
    )
  })

  test('that is logged again for the same request is written once', async () => {
    const sessionId = await record.session()
    const once = await record.audit.log({ sessionId, actionType: 'x' }, 'key:1 abc')
    expect(await record.audit.log({ sessionId, actionType: 'x' }, 'key:1 abc')).toEqual(once)
    expect((await record.audit.log({ sessionId, actionType: 'x' }, 'key:2 abc')).seq).toBe(once.seq + 1)
  })

  test('is kept without secrets', async () => {
    const sessionId = await record.session()
    const secret = 'hunter2hunter2'
    await record.audit.log({
      sessionId,
      actionType: 'command',
      actionDescription: `login --password ${secret}`,
      errorMessage: `postgres://user:${secret}@host/db refused`,
      inputData: { env: { API_TOKEN: secret }, argv: [`Bearer ${secret}`] },
      outputData: { password: secret },
      commandsExecuted: [`PASSWORD=${secret} ./run`],
      apiEndpointsCalled: [`https://x.example/?api_key=${secret}`],
      metadata: { secret },
    })
    expect(JSON.stringify(await actionsOf(sessionId))).not.toContain(secret)
    const rows = await record.db.query(sql`select a::text as text from agent_actions a where session_id = ${sessionId}`)
    expect(JSON.stringify(rows)).not.toContain(secret)
  })

  test('that is too long is cut, and says by how much', async () => {
    const sessionId = await record.session()
    const text = 'ü'.repeat(TEXT_CHARS_MAX + 7)
    await record.audit.log({
      sessionId,
      actionType: 'x',
      actionDescription: text,
      outputData: { log: 'é'.repeat(90_000) },
    })
    const action = (await actionsOf(sessionId))[1]
    expect(action?.actionDescription).toMatch(/ü \[cut: 7 more characters\]$/)
    expect(action?.outputData).toEqual({
      cut: `the first ${PAYLOAD_BYTES_MAX} of 180010 bytes of JSON`,
      beginning: expect.stringMatching(/^\{"log":"é+$/),
    })
  })
})

describe('the list', () => {
  test('is filtered and paged, newest first', async () => {
    const [one, two] = [await record.session(), await record.session()]
    for (let i = 0; i < 7; i++) await record.audit.log({ sessionId: one, actionType: `t${i % 2}`, success: i !== 3 })
    await record.audit.log({ sessionId: two, actionType: 't0' })
    const seqs: number[] = []
    let cursor: string | undefined
    do {
      const page = await record.audit.list({ sessionId: one, actionType: 't0', limit: 2, cursor })
      seqs.push(...page.actions.map(({ seq }) => seq))
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    expect(seqs).toEqual([8, 6, 4, 2])
    expect((await record.audit.list({ sessionId: one, success: false })).actions.map(({ seq }) => seq)).toEqual([5])
    const last = (await record.audit.list({ sessionId: one, limit: 1 })).actions[0]
    expect((await record.audit.list({ since: last?.executedAt })).actions).toHaveLength(2)
    await expect(record.audit.list({ cursor: 'nonsense' })).rejects.toMatchObject({ code: 'invalid_input' })
  })

  test('ends a page early rather than answer with too much', async () => {
    const sessionId = await record.session()
    const outputData = { log: 'x'.repeat(99_000) }
    for (let i = 0; i < 45; i++) await record.audit.log({ sessionId, actionType: 'x', outputData })
    const page = await record.audit.list({ sessionId, limit: 200 })
    expect(page.actions.length).toBeLessThan(45)
    const rest = await record.audit.list({ sessionId, limit: 200, cursor: page.nextCursor ?? '' })
    expect(page.actions.length + rest.actions.length).toBe(46)
    expect(rest.nextCursor).toBeNull()
  })
})

describe('plain SQL', () => {
  test('cannot change, remove or empty the trail, nor one of its months', async () => {
    await record.db.query(sql`select audit_make_months()`)
    const [month] = await record.db.query<{ name: string }>(sql`
      select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'agent_actions'::regclass and c.relname <> 'agent_actions_other' limit 1`)
    for (const table of ['agent_actions', 'agent_actions_other', month?.name ?? '']) {
      for (const change of ['update %', 'delete from %', 'truncate %']) {
        const statement = `${change.replace('%', table)}${change.startsWith('update') ? ' set success = true' : ''}`
        await expect(record.db.query(sql.raw(statement)), statement).rejects.toMatchObject({ code: 'internal' })
      }
    }
  })

  test('that inserts rows gets them chained, whatever they claim', async () => {
    const sessionId = await record.session()
    await record.db.query(sql`
      insert into agent_actions (session_id, action_type, seq, hash, previous_hash, chain_id)
      values (${sessionId}, 'by hand', 77, 'x', 'y', 'z'), (${sessionId}, 'by hand', 77, 'x', 'y', 'z')`)
    expect((await actionsOf(sessionId)).map(({ seq, chainId }) => [seq, chainId])).toEqual([
      [1, sessionId],
      [2, sessionId],
      [3, sessionId],
    ])
    expect(await record.audit.verify({ sessionId })).toMatchObject({ valid: true, checked: 3 })
  })

  test('that claims to append by itself puts a row in no chain, which is found', async () => {
    const sessionId = await record.session()
    await record.db.transaction(async (tx) => {
      await tx.query(sql`set local agent_turbo.audit_insert = 'on'`)
      await tx.query(sql`
        insert into agent_actions (session_id, action_type, seq, hash, previous_hash, chain_id)
        values (${sessionId}, 'forged', 2, repeat('a', 64), repeat('b', 64), ${sessionId})`)
    })
    const { firstBroken } = await record.audit.verify({ sessionId })
    expect(firstBroken).toMatchObject({ seq: 2, reason: 'it does not continue the row before it' })
  })

  test('that changes a status is on the record', async () => {
    const sessionId = await record.session()
    await record.db.query(sql`update agent_sessions set status = 'paused' where session_id = ${sessionId}`)
    await record.db.query(sql`delete from agent_sessions where session_id = ${sessionId}`)
    expect((await actionsOf(sessionId)).map(({ actionType, outputData }) => [actionType, outputData])).toEqual([
      ['session_created', { status: 'active' }],
      ['session_status', { from: 'active', to: 'paused' }],
      ['session_deleted', { status: 'paused' }],
    ])
  })
})

test('rows written come back in the order of the entries, and no row is earlier than the one before it', async () => {
  const at = '2020-02-01T00:00:00Z'
  const entries = ['b', 'a', 'b', 'c', 'a'].map((task, row) => JSON.stringify({ task_id: task, action_type: `${row}` }))
  const backdated = JSON.stringify({ task_id: 'a', action_type: 'late', executed_at: at })
  const rows = await record.db.query<Action>(sql`
    select * from audit_append(${sql.param([...entries, backdated])}::jsonb[])`)
  expect(rows.map(({ chainId, seq, actionType }) => [chainId, seq, actionType])).toEqual([
    ['task:b', 1, '0'],
    ['task:a', 1, '1'],
    ['task:b', 2, '2'],
    ['task:c', 1, '3'],
    ['task:a', 2, '4'],
    ['task:a', 3, 'late'],
  ])
  expect(rows[5]?.executedAt).toBe(rows[4]?.executedAt)
})

test('whatever is written verifies', { timeout: 60_000 }, async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => value.replaceAll('\0', ''))
  const json = fc.dictionary(
    text,
    fc.jsonValue({ maxDepth: 2 }).filter((value) => !JSON.stringify(value).includes('\\u')),
  )
  const entry = fc.record(
    {
      action_type: text,
      action_description: text,
      input_data: json,
      metadata: json,
      success: fc.boolean(),
      execution_time_ms: fc.double({ min: 0, max: 1e9, noNaN: true }),
      changed_files: fc.array(text),
      executed_at: fc.constantFrom('2031-01-01T00:00:00Z', '2001-01-01T00:00:00Z', 'infinity', '-infinity'),
    },
    { requiredKeys: ['action_type'] },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 5 }), async (entries) => {
      const sessionId = 'written'
      const texts = entries.map((each) => JSON.stringify({ ...each, session_id: sessionId }))
      await record.db.query(sql`select count(*) from audit_append(${sql.param(texts)}::jsonb[])`)
      const [first] = entries
      await record.db.query(sql`
        insert into agent_actions (session_id, action_type, input_data, executed_at)
        values (${sessionId}, ${first?.action_type}, ${JSON.stringify(first?.input_data ?? null)}::jsonb,
          ${first?.executed_at ?? 'now'}::timestamptz)`)
      expect(await record.audit.verify({ sessionId })).toMatchObject({ valid: true })
    }),
    { numRuns: 60 },
  )
})
