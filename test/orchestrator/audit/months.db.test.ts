import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeNeededMonths } from '../../../src/orchestrator/audit/audit.ts'
import { type TestRecord, testRecord } from '../../harness/record.ts'

let record: TestRecord

beforeEach(async () => {
  record = await testRecord()
})

afterEach(() => record.drop())

/** Appends rows of these moments to the chains of two tasks, in turn. */
async function append(...moments: string[]): Promise<void> {
  const entries = moments.flatMap((executed_at) =>
    ['a', 'b'].map((task) => JSON.stringify({ task_id: task, action_type: 'x', executed_at })),
  )
  await record.db.query(sql`select count(*) from audit_append(${sql.param(entries)}::jsonb[])`)
}

async function partitions(): Promise<string[]> {
  const rows = await record.db.query<{ name: string }>(sql`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'agent_actions'::regclass order by 1`)
  return rows.map(({ name }) => name)
}

async function countOf(table: string): Promise<number> {
  const [row] = await record.db.query<{ count: number }>(sql`select count(*) from ${sql.raw(table)}`)
  return row?.count ?? 0
}

/** The months from this one on, as tables are named. */
async function monthsAhead(): Promise<string[]> {
  const rows = await record.db.query<{ name: string }>(sql`
    select to_char(now() at time zone 'UTC' + make_interval(months => ahead), '"agent_actions_"YYYY_MM') as name
    from generate_series(0, 2) ahead`)
  return rows.map(({ name }) => name)
}

const OLD = ['2025-10-03T00:00:00Z', '2025-10-31T23:59:59.999999Z', '2025-11-01T00:00:00Z', '2025-12-24T18:00:00Z']

test('months are made ahead, and take over what came before them', async () => {
  await append(...OLD)
  expect(await countOf('agent_actions_other')).toBe(8)
  expect(await makeNeededMonths(record.db)).toBe(6)
  const old = ['agent_actions_2025_10', 'agent_actions_2025_11', 'agent_actions_2025_12']
  expect(await partitions()).toEqual([...old, ...(await monthsAhead()), 'agent_actions_other'].sort())
  expect(await Promise.all(old.map(countOf))).toEqual([4, 2, 2])
  expect(await countOf('agent_actions_other')).toBe(0)
  expect(await record.audit.verify({})).toEqual({ valid: true, checked: 8, detached: 0 })
  expect(await makeNeededMonths(record.db)).toBe(0)
  await append('infinity')
  const [here] = await monthsAhead()
  expect(await countOf(here ?? '')).toBe(2)
})

test('the default partition is as closed after a move as before', async () => {
  await append(...OLD)
  await makeNeededMonths(record.db)
  for (const table of await partitions()) {
    await expect(record.db.query(sql.raw(`delete from ${table}`)), table).rejects.toMatchObject({ code: 'internal' })
  }
})

test('a detached month leaves its table and its places, and verification goes on behind it', async () => {
  await append(...OLD)
  await makeNeededMonths(record.db)
  await append('infinity')
  expect(await record.audit.detach({ before: '2025-12' })).toEqual({
    detached: ['agent_actions_2025_10', 'agent_actions_2025_11'],
  })
  expect(await record.audit.verify({})).toEqual({ valid: true, checked: 4, detached: 6 })
  expect(await countOf('agent_actions_2025_10')).toBe(4)
  expect(await record.audit.detach({ before: '2026-01' })).toEqual({ detached: ['agent_actions_2025_12'] })
  expect(await record.audit.verify({})).toEqual({ valid: true, checked: 2, detached: 8 })
  expect(await record.audit.detach({ before: '2026-01' })).toEqual({ detached: [] })
  // A late row of a month that is gone is taken in, and is in its chain.
  await record.db.query(
    sql`insert into agent_actions (task_id, action_type, executed_at) values ('a', 'late', '2025-10-05T00:00:00Z')`,
  )
  expect(await makeNeededMonths(record.db)).toBe(0)
  expect(await record.audit.verify({})).toEqual({ valid: true, checked: 3, detached: 8 })
})

test('a chain of which nothing is left but detached months still has its end', async () => {
  await append(...OLD)
  await makeNeededMonths(record.db)
  await record.audit.detach({ before: '2026-01' })
  expect(await record.audit.verify({})).toEqual({ valid: true, checked: 0, detached: 8 })
  await record.db.query(sql`update audit_chains set seq = 5 where chain_id = 'task:b'`)
  const { firstBroken } = await record.audit.verify({})
  expect(firstBroken).toMatchObject({ chainId: 'task:b', seq: 5, actionId: null, reason: 'the row is missing' })
})

test.each([
  ['removed', sql`delete from audit_anchors where chain_id = 'task:a'`, 1],
  ['changed in its hash', sql`update audit_anchors set hash = repeat('a', 64) where chain_id = 'task:a'`, 3],
  ['shortened', sql`update audit_anchors set seq = seq - 1 where chain_id = 'task:a'`, 2],
])('a recorded place that is %s is found', async (_what, tampering, seq) => {
  await append(...OLD)
  await makeNeededMonths(record.db)
  await record.audit.detach({ before: '2025-11' })
  await record.db.query(tampering)
  const { firstBroken } = await record.audit.verify({})
  expect(firstBroken).toMatchObject({ chainId: 'task:a', seq })
})

test('nothing is detached from a trail that is broken, nor a month that is not over', async () => {
  await append(...OLD)
  await makeNeededMonths(record.db)
  await record.db.query(sql`update audit_chains set hash = repeat('c', 64) where chain_id = 'task:b'`)
  await expect(record.audit.detach({ before: '2025-12' })).rejects.toMatchObject({ code: 'conflict' })
  await expect(record.audit.detach({ before: '9999-12' })).rejects.toMatchObject({
    code: 'invalid_input',
    errors: [{ pointer: '/before', detail: expect.stringContaining('future') }],
  })
  expect(await partitions()).toContain('agent_actions_2025_10')
})
