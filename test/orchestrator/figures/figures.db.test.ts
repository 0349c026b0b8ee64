import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { createFigures } from '../../../src/orchestrator/figures/figures.ts'
import { reapLeases } from '../../../src/orchestrator/tasks/queue-queries.ts'
import { type TestTasks, testTasks } from '../../harness/tasks.ts'

let world: TestTasks

beforeAll(async () => {
  world = await testTasks()
})

afterAll(() => world.drop())

const read = () => createFigures({ db: world.db }).read()

it('figures of an empty queue are nothing', async () => {
  expect(await read()).toMatchObject({
    ...{ readyTasks: 0, oldestReadySeconds: 0, busySlots: 0, slots: 0, pauses: [], recentAttempts: [] },
  })
})

it('figures are what the store holds: what waits, runs, is paused, ended, and what that cost', async () => {
  const { db, queue } = world
  for (let made = 0; made < 5; made += 1) await world.add({ maxInfraRetries: 0 })
  await world.add({ runAfter: '2999-01-01T00:00:00Z' })
  const [done, lost] = await world.take(3)
  await queue.finish({ attemptId: must(done, 'a claimed task').attemptId, outcome: 'completed', costUsd: 0.5 })
  await db.query(
    sql`update task_leases set lease_until = now() - interval '1 s' where task_id = ${must(lost, 'a claimed task').taskId}`,
  )
  await reapLeases(db, 10)
  await queue.fenced({ attemptId: must(lost, 'a claimed task').attemptId, endClass: 'ok', costUsd: 0.25 })
  await db.query(sql`alter table agent_tasks disable trigger agent_tasks_row`)
  await db.query(sql`update agent_tasks set ready_at = now() - interval '1 hour' where status = 'pending'`)
  await db.query(sql`alter table agent_tasks enable trigger agent_tasks_row`)
  await db.query(sql`insert into workers (worker_id, concurrency, status, last_seen) values
    ('a', 4, 'active', now()), ('b', 8, 'active', now()), ('gone', 16, 'active', now() - interval '2 minutes'),
    ('leaving', 32, 'draining', now())`)
  await db.query(sql`insert into agent_accounts (account_key, platform, paused_until) values
    ('one', 'codex', now() + interval '1 hour'), ('two', 'codex', now() + interval '1 minute'),
    ('three', 'gemini', now() - interval '1 minute'), ('four', 'gemini', null)`)
  const figures = await read()
  expect(figures).toMatchObject({ readyTasks: 2, busySlots: 1, slots: 12 })
  expect(Math.abs(figures.oldestReadySeconds - 3_600)).toBeLessThan(60)
  expect(figures.pauses.map(({ platform, seconds }) => [platform, Math.round(seconds / 600)])).toEqual([['codex', 6]])
  expect(figures.recentAttempts.sort((a, b) => (a.outcome < b.outcome ? -1 : 1))).toEqual([
    { outcome: 'completed', count: 1, costUsd: 0.5 },
    { outcome: 'fenced', count: 1, costUsd: 0.25 },
  ])
  expect(figures.deadTuples.map(({ table }) => table)).toContain('agent_tasks')
})

it('those who watch share a reading for a while, and a failed one is not kept', async () => {
  let isAway = true
  let statements = 0
  const figures = createFigures({
    db: {
      query: (statement) => {
        statements += 1
        return isAway ? Promise.reject(new Error('away')) : world.db.query(statement)
      },
    },
  })
  await expect(figures.read()).rejects.toThrow('away')
  isAway = false
  const [first, second] = await Promise.all([figures.read(), figures.read()])
  expect([second === first, (await figures.read()) === first, statements]).toEqual([true, true, 2])
})

it('what was claimed says how long it could have been', async () => {
  await world.empty()
  await world.add()
  const { waitedSeconds } = must((await world.take())[0], 'a claimed task')
  expect(waitedSeconds).toBeGreaterThan(0)
  expect(waitedSeconds).toBeLessThan(60)
})
