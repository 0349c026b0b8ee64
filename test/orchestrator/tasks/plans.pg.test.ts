import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Store } from '../../../src/db/index.ts'
import { createTasks } from '../../../src/orchestrator/tasks/create.ts'
import { createTaskQueue, type TaskQueue } from '../../../src/orchestrator/tasks/queue.ts'
import { type TestTasks, testTasks, WORKER } from '../../harness/tasks.ts'

/** Waiting tasks that come after the statistics were taken. */
const WAITING = 200_000
/** Enough for a connection to have gone over from plans of its own to a general one. */
const RUNS = 8

let world: TestTasks
let db: Store
let queue: TaskQueue

beforeAll(async () => {
  world = await testTasks()
  // The worst that statistics can say: many pages, no rows.
  await world.db.query(sql`alter table agent_tasks set (autovacuum_enabled = false)`)
  await world.session('s')
  await world.tasks.createBatch(
    Array.from({ length: 300 }, () => ({ taskType: 't', taskDescription: 'x', sessionId: 's' })),
  )
  await world.empty()
  await world.db.query(sql`analyze agent_tasks, task_dependencies, task_leases, task_attempts`)
  await world.db.query(sql`alter table agent_tasks disable trigger user`)
  await world.db.query(sql`
    insert into agent_tasks (task_id, task_type, task_description, lane, status, queue_start, queue_rank, ready_at)
    select 'q' || i, 't', 'x', task_lane(case i % 3 when 0 then 'codex' end, null, '{}', null, null),
      'pending', now(), now() + i * interval '1 ms', now() from generate_series(1, ${WAITING}) i`)
  await world.db.query(sql`alter table agent_tasks enable trigger user`)
  db = await world.peer()
  queue = createTaskQueue(db)
}, 120_000)

afterAll(() => world.drop())

/** Blocks of tasks and their indexes that `work` reads, and whole reads of the table, the median of some runs. */
async function readBy(work: (run: number) => Promise<unknown>): Promise<{ blocks: number; scans: number }> {
  const read = async () => {
    await db.query(sql`select pg_stat_force_next_flush()`)
    const rows = await db.query<{ blocks: number; scans: number }>(sql`
      select sum(heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit)::bigint as blocks,
        (select seq_scan from pg_stat_user_tables where relname = 'agent_tasks') as scans
      from pg_statio_user_tables where relname = 'agent_tasks'`)
    return rows[0] ?? { blocks: 0, scans: 0 }
  }
  const reads: { blocks: number; scans: number }[] = []
  for (let run = 0; run < RUNS; run += 1) {
    const before = await read()
    await work(run)
    const after = await read()
    reads.push({ blocks: after.blocks - before.blocks, scans: after.scans - before.scans })
  }
  const sorted = reads.map(({ blocks }) => blocks).sort((a, b) => a - b)
  return { blocks: sorted[RUNS >> 1] ?? 0, scans: Math.max(...reads.map(({ scans }) => scans)) }
}

const graph = (run: number) =>
  ['p', 'c', 'd'].map((name, index, names) => ({
    taskId: `${name}${run}`,
    taskType: 't',
    taskDescription: 'x',
    taskPriority: 10,
    dependsOnTasks: index === 0 ? [] : [`${names[index - 1]}${run}`],
  }))

describe('with statistics from when the queue was empty', () => {
  it('a claim reads a few pages of a long queue', async () => {
    const { blocks, scans } = await readBy(() => queue.claim({ ...WORKER, limit: 4 }))
    expect(scans).toBe(0)
    expect(blocks).toBeLessThan(500)
  })

  it('so does creating a graph, and ending a task that releases another', async () => {
    const created = await readBy((run) => createTasks(db, graph(run), { pointerOf: (index) => `/tasks/${index}` }))
    expect(created.scans).toBe(0)
    expect(created.blocks).toBeLessThan(1_000)
    const claimed = await queue.claim({ ...WORKER, limit: RUNS })
    const ended = await readBy((run) =>
      queue.finish({ attemptId: claimed[run]?.attemptId ?? '', outcome: 'completed' }),
    )
    expect(ended.scans).toBe(0)
    expect(ended.blocks).toBeLessThan(500)
    const released = await db.query(sql`select count(*) from agent_tasks where task_id ~ '^c' and status = 'pending'`)
    expect(released).toEqual([{ count: RUNS }])
  })
})
