import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Store } from '../../../src/db/index.ts'
import { type TestTasks, testTasks } from '../../harness/tasks.ts'
import { act, breaches, mendedAfterwards, type Step, scripts } from './model.ts'

/** Pools, each as of another process. */
const PEERS = 5

let world: TestTasks
let peers: Store[]

beforeAll(async () => {
  world = await testTasks()
  peers = await Promise.all(Array.from({ length: PEERS }, () => world.peer()))
})

afterAll(() => world.drop())

let runs = 0

/** Lets every script run at once; what is wrong when all have ended. */
async function play(all: Step[][]): Promise<string[]> {
  await world.db.query(sql`truncate agent_tasks, task_dependencies, task_attempts, task_leases, task_log`)
  runs += 1
  const run = `r${runs}`
  const taken: string[] = []
  await Promise.all(all.map((steps, at) => act({ db: peers[at] as Store, name: `w${at}`, run }, steps, taken)))
  const found = await breaches({ db: world.db, run }, taken)
  const mended = await mendedAfterwards(world.db)
  return mended === 0 ? found : [...found, `the repair mended ${mended}`]
}

/** Changes the source of a function in this database; gives back what undoes it. */
async function plant(name: string, from: string, to: string): Promise<() => Promise<unknown>> {
  const [row] = await world.db.query<{ source: string }>(sql`
    select pg_get_functiondef(oid) as source from pg_proc where proname = ${name}`)
  const source = row?.source ?? ''
  expect(source).toContain(from)
  await world.db.query(sql.raw(source.replace(from, to)))
  return () => world.db.query(sql.raw(source))
}

describe('several actors at once', () => {
  it('leave no illegal state, lose no release and claim nothing twice', { timeout: 540_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(scripts, async (all) => {
        expect(await play(all)).toEqual([])
      }),
      { numRuns: 1200, endOnFailure: true },
    )
  })

  it.each([
    [
      'a release that reads the parents before it has locked the task',
      'task_settle',
      'PERFORM FROM agent_tasks WHERE task_id = ANY (wave) ORDER BY task_id FOR UPDATE;',
      '',
    ],
    ['edges made without a lock on their parents', 'task_sync_edges', 'ORDER BY task_id FOR SHARE', 'ORDER BY task_id'],
    ['a parent tried again that lets its dependents go on', 'agent_tasks_updated', 'OR task_ended(m.was)', ''],
  ])('would find %s', { timeout: 540_000 }, async (_, name, from, to) => {
    const undo = await plant(name, from, to)
    try {
      let found: string[] = []
      await fc.check(
        fc.asyncProperty(scripts, async (all) => {
          found = await play(all)
          return found.length === 0
        }),
        { numRuns: 1500, endOnFailure: true },
      )
      // Not only failed, which an error would do as well.
      expect(found).not.toEqual([])
    } finally {
      await undo()
    }
  })
})
