import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeNeededMonths } from '../../../src/orchestrator/audit/audit.ts'
import { type TestRecord, testRecord } from '../../harness/record.ts'

let record: TestRecord

beforeAll(async () => {
  record = await testRecord()
})

afterAll(() => record.drop())

const WRITERS = 10
const ROUNDS = 30

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value)
}

test('writers of one chain and of many leave no gap, wait for each other without a deadlock, and verify meanwhile', async () => {
  const sessions = await Promise.all(Array.from({ length: 5 }, () => record.session()))
  const write = async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const entries = shuffled([...sessions, ...sessions]).map((session_id) =>
        JSON.stringify({ session_id, action_type: 'many' }),
      )
      await record.db.query(sql`select count(*) from audit_append(${sql.param(entries)}::jsonb[])`)
      await record.audit.log({ sessionId: sessions[0] ?? '', actionType: 'one' })
      await record.db.query(sql`
        insert into agent_actions (session_id, action_type) values (${sessions[1]}, 'by hand')`)
    }
  }
  let writing = true
  const verifying = (async () => {
    const found: boolean[] = []
    while (writing) found.push((await record.audit.verify({})).valid)
    return found
  })()
  const months = makeNeededMonths(record.db)
  await Promise.all(Array.from({ length: WRITERS }, write)).finally(() => {
    writing = false
  })
  expect(await months).toBe(3)
  expect(new Set(await verifying)).toEqual(new Set([true]))
  const rows = WRITERS * ROUNDS
  const expected = sessions.map((_, index) => 1 + 2 * rows + (index < 2 ? rows : 0))
  const heads = await record.audit.heads({ limit: 200 })
  expect(sessions.map((id) => heads.heads.find(({ chainId }) => chainId === id)?.seq)).toEqual(expected)
  expect(await record.audit.verify({})).toMatchObject({ valid: true, checked: 5 + 12 * rows })
})

test('new chains that several writers make at once are made once', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `new_${index}`)
  const write = () => {
    const entries = shuffled(names).map((task_id) => JSON.stringify({ task_id, action_type: 'x' }))
    return record.db.query(sql`select count(*) from audit_append(${sql.param(entries)}::jsonb[])`)
  }
  await Promise.all(Array.from({ length: WRITERS }, write))
  const { heads } = await record.audit.heads({ limit: 200 })
  expect(heads.filter(({ chainId }) => chainId.startsWith('task:new_')).map(({ seq }) => seq)).toEqual(
    names.map(() => WRITERS),
  )
  expect((await record.audit.verify({})).valid).toBe(true)
})
