import { readFileSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { testDatabase } from '../harness/database.ts'

/** Statements that operators of the older systems run by hand, kept as they are. */
const text = readFileSync(new URL('./seed-queries.sql', import.meta.url), 'utf8')
const statements = text
  .split(/^--.*\n/m)
  .join('')
  .split(/;\s*$/m)
  .map((statement) => statement.trim())
  .filter((statement) => statement !== '')

it('the statements of operators run verbatim, in order, on a freshly migrated database', async () => {
  const { db, drop } = await testDatabase()
  const answers: unknown[][] = []
  for (const statement of statements) answers.push(await db.query(sql.raw(statement)))
  expect(answers).toHaveLength(14)
  expect(answers[0]).toEqual([{ count: 0 }])
  expect(answers[1]).toMatchObject([{ sessionId: 'test_001', landingContext: {}, status: 'active' }])
  expect(answers[3]).toEqual([
    { sessionId: 'test_001', agentPlatform: 'claude_code', agentRole: 'planner', status: 'active' },
  ])
  expect(answers[5]).toEqual([{ taskId: 'my_task', status: 'pending', assignedWorkerId: null }])
  expect(answers[6]).toEqual([{ queued: 1, running: 0 }])
  expect(answers[10]).toEqual([{ sessionId: 'test_001', agentRole: 'planner', taskCount: 0, actionCount: 1 }])
  const left = await db.query(sql`
    select (select count(*) from agent_tasks) as tasks, (select count(*) from agent_sessions) as sessions`)
  expect(left).toEqual([{ tasks: 0, sessions: 0 }])
  await drop()
})
