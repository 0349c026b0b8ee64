import { type SQL, sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Executor } from '../../../src/db/index.ts'
import { verifyChains } from '../../../src/orchestrator/audit/verify.ts'
import type { Verification } from '../../../src/orchestrator/index.ts'
import { type TestRecord, testRecord } from '../../harness/record.ts'

const CHAINS = 6
const ROWS = 12

let record: TestRecord
let chains: string[] = []

beforeAll(async () => {
  record = await testRecord()
  const { db, session } = record
  for (let chain = 0; chain < CHAINS; chain++) {
    const sessionId = chain < 4 ? await session() : null
    const owner = sessionId === null ? { task_id: `task_${chain}` } : { session_id: sessionId }
    chains.push(sessionId ?? `task:task_${chain}`)
    // A session's chain begins with its creation.
    const rows = sessionId === null ? ROWS : ROWS - 1
    const entries = Array.from({ length: rows }, (_, row) => JSON.stringify({ ...owner, ...contentOf(row) }))
    await db.query(sql`select count(*) from audit_append(${sql.param(entries)}::jsonb[])`)
  }
  chains = chains.sort()
})

afterAll(() => record.drop())

function contentOf(row: number) {
  return {
    action_type: 'command',
    action_description: `did ${row} 🐘`,
    input_data: { n: row, none: null, deep: { b: [1.5, null], a: 'ü' } },
    output_data: row % 2 === 0 ? { ok: true } : null,
    success: row % 3 !== 0,
    error_message: row % 3 === 0 ? 'it failed' : null,
    execution_time_ms: 1.25 * row,
    changed_files: [`src/${row}.ts`],
    commands_executed: ['npm test'],
    api_endpoints_called: [],
  }
}

/** What verification finds after `changes`, which are made past all triggers and undone afterwards. */
async function verifiedAfter(...changes: SQL[]): Promise<Verification> {
  class Undo extends Error {}
  let found: Verification | undefined
  const work = record.db.transaction(async (tx: Executor) => {
    await tx.query(sql`set local session_replication_role = replica`)
    for (const change of changes) await tx.query(change)
    found = await verifyChains(tx, undefined)
    throw new Undo('undone')
  })
  await expect(work).rejects.toBeInstanceOf(Undo)
  return found as Verification
}

const at = (chain: string, seq: number) => sql`chain_id = ${chain} and seq = ${seq}`

/** Columns with another value for each. */
const CHANGES: Record<string, SQL> = {
  action_id: sql`'action_forged'`,
  session_id: sql`coalesce(session_id, '') || 'x'`,
  task_id: sql`coalesce(task_id, '') || 'x'`,
  action_type: sql`action_type || 'x'`,
  action_description: sql`coalesce(action_description, '') || ' '`,
  input_data: sql`coalesce(input_data, '{}') || '{"added": null}'`,
  output_data: sql`coalesce(output_data, '{}') || '{"ok": false}'`,
  success: sql`not success`,
  error_message: sql`coalesce(error_message, '') || '!'`,
  execution_time_ms: sql`coalesce(execution_time_ms, 0) + 0.001`,
  changed_files: sql`array_append(changed_files, 'src/other.ts')`,
  commands_executed: sql`array_append(commands_executed, 'rm')`,
  api_endpoints_called: sql`array_append(api_endpoints_called, '/v1')`,
  executed_at: sql`executed_at + interval '1 microsecond'`,
  metadata: sql`metadata || '{"a": 1}'`,
  previous_hash: sql`repeat('a', 64)`,
  hash: sql`repeat('b', 64)`,
}

/** A change of the trail, and where it must be found. */
interface Tampering {
  changes: SQL[]
  chain: string
  seq: number
}

const chain = fc.nat({ max: CHAINS - 1 })
const place = fc.integer({ min: 1, max: ROWS })

function forged(chainId: string, seq: number, from: number): SQL {
  return sql`
    insert into agent_actions
    select (r.a).* from (
      select jsonb_populate_record(f.b, jsonb_build_object('hash', audit_hash(f.b))) as a
      from (
        select jsonb_populate_record(a, jsonb_build_object('action_id', 'action_forged', 'seq', ${seq}::int)) as b
        from agent_actions a where ${at(chainId, from)}
      ) f
    ) r`
}

const kinds: Record<string, fc.Arbitrary<() => Tampering>> = {
  update: fc.tuple(chain, place, fc.constantFrom(...Object.keys(CHANGES))).map(([c, seq, column]) => () => {
    const set = sql`${sql.raw(column)} = ${CHANGES[column]}`
    return { changes: [sql`update agent_actions set ${set} where ${at(nth(c), seq)}`], chain: nth(c), seq }
  }),
  delete: fc.tuple(chain, place).map(([c, seq]) => () => {
    return { changes: [sql`delete from agent_actions where ${at(nth(c), seq)}`], chain: nth(c), seq }
  }),
  insert: fc.tuple(chain, place).map(([c, seq]) => () => {
    return { changes: [forged(nth(c), seq, seq)], chain: nth(c), seq }
  }),
  append: chain.map((c) => () => {
    return { changes: [forged(nth(c), ROWS + 1, ROWS)], chain: nth(c), seq: ROWS + 1 }
  }),
  swap: fc.tuple(chain, fc.uniqueArray(place, { minLength: 2, maxLength: 2 })).map(([c, [a = 1, b = 2]]) => () => {
    const swapped = sql`update agent_actions set seq = ${a + b}::int - seq where chain_id = ${nth(c)} and seq in (${a}, ${b})`
    return { changes: [swapped], chain: nth(c), seq: Math.min(a, b) }
  }),
  move: fc.tuple(chain, place).map(([c, seq]) => () => {
    const other = nth((c + 1) % CHAINS)
    const first = c + 1 < CHAINS ? { chain: nth(c), seq } : { chain: other, seq }
    return { changes: [sql`update agent_actions set chain_id = ${other} where ${at(nth(c), seq)}`], ...first }
  }),
  tail: fc.tuple(chain, place).map(([c, seq]) => () => {
    return {
      changes: [sql`delete from agent_actions where chain_id = ${nth(c)} and seq >= ${seq}`],
      chain: nth(c),
      seq,
    }
  }),
  head: fc
    .tuple(chain, fc.constantFrom('seq = seq - 1', 'seq = seq + 1', "hash = repeat('c', 64)"))
    .map(([c, set]) => () => {
      const seq = set === 'seq = seq + 1' ? ROWS + 1 : ROWS
      return { changes: [sql`update audit_chains set ${sql.raw(set)} where chain_id = ${nth(c)}`], chain: nth(c), seq }
    }),
  unregister: chain.map((c) => () => {
    return { changes: [sql`delete from audit_chains where chain_id = ${nth(c)}`], chain: nth(c), seq: 1 }
  }),
  vanish: fc.nat({ max: 3 }).map((c) => () => {
    const gone = sessionChains()[c] ?? ''
    const from = (table: string) => sql`delete from ${sql.raw(table)} where chain_id = ${gone}`
    return { changes: [from('agent_actions'), from('audit_chains')], chain: gone, seq: 1 }
  }),
}

const nth = (index: number) => chains[index] ?? ''
const sessionChains = () => chains.filter((name) => !name.startsWith('task:'))

test('an untouched trail is valid, every row of it is checked', async () => {
  expect(await verifyChains(record.db, undefined)).toEqual({ valid: true, checked: CHAINS * ROWS, detached: 0 })
  expect(await record.audit.verify({ sessionId: nth(0) })).toEqual({ valid: true, checked: ROWS, detached: 0 })
})

test('200 random tamperings are each found, at the row that was tampered with', { timeout: 120_000 }, async () => {
  const met = new Set<string>()
  const kind = fc.constantFrom(...Object.keys(kinds)).chain((name) => {
    return fc.tuple(fc.constant(name), kinds[name] as fc.Arbitrary<() => Tampering>)
  })
  await fc.assert(
    fc.asyncProperty(kind, async ([name, tampering]) => {
      met.add(name)
      const { changes, chain: chainId, seq } = tampering()
      const { valid, firstBroken } = await verifiedAfter(...changes)
      expect(valid).toBe(false)
      expect([firstBroken?.chainId, firstBroken?.seq, firstBroken?.reason]).toEqual([chainId, seq, expect.any(String)])
      const isSession = !chainId.startsWith('task:')
      expect(firstBroken?.sessionId).toBe(isSession ? chainId : null)
    }),
    { numRuns: 200 },
  )
  expect([...met].sort()).toEqual(Object.keys(kinds).sort())
})

test('a change is found although the functions of the schema say that all is well', async () => {
  const lie = sql`create or replace function audit_hash(a agent_actions) returns text language sql as 'select a.hash'`
  const blank = sql`create or replace function audit_text(a agent_actions) returns text language sql as 'select ''x'''`
  const change = sql`update agent_actions set action_type = 'other' where ${at(nth(2), 5)}`
  const { firstBroken } = await verifiedAfter(lie, blank, change)
  expect(firstBroken).toMatchObject({ chainId: nth(2), seq: 5, reason: 'it is not what was written' })
})

test('chains longer than a page are checked to their end, also where pages meet', { timeout: 120_000 }, async () => {
  const entries = Array.from({ length: 4_100 }, () => JSON.stringify({ task_id: 'long', action_type: 'x' }))
  const append = sql`select count(*) from audit_append(${sql.param(entries)}::jsonb[])`
  expect(await verifiedAfter(append)).toMatchObject({ valid: true, checked: CHAINS * ROWS + 4_100 })
  // Page ends depend on the chains that come before; a page is 2,000 rows long.
  const before = chains.filter((name) => name < 'task:long').length * ROWS
  const pageEnd = 2_000 - before
  for (const seq of [pageEnd - 1, pageEnd, pageEnd + 1]) {
    const { firstBroken } = await verifiedAfter(append, sql`delete from agent_actions where ${at('task:long', seq)}`)
    expect(firstBroken).toMatchObject({ chainId: 'task:long', seq, actionId: null })
    const twice = await verifiedAfter(append, forged('task:long', seq, seq))
    expect(twice.firstBroken).toMatchObject({ chainId: 'task:long', seq })
  }
})
