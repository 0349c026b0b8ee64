import { sql } from 'drizzle-orm'
import { createLog } from '../../src/base/log.ts'
import { loadConfig } from '../../src/config.ts'
import type { Store } from '../../src/db/index.ts'
import type { Orchestrator } from '../../src/orchestrator/index.ts'
import { createTurbo, type Turbo } from '../../src/turbo.ts'
import { fakeEmbedder } from '../../test/harness/embedder.ts'
import { type Checks, milliseconds, printHeader, summary } from '../report.ts'
import type { Part } from './part.ts'

const GRAPH = 10_000
/** Tasks at the top of the graph; each other one waits for two before it. */
const GRAPH_WIDTH = 100
const READS = 200
const RELEASES = 500
const CLAIMS = 300

interface World {
  db: Store
  /** Another process. */
  peer: Orchestrator
  orchestrator: Orchestrator
}

/** A process on the store, with nothing running behind it; filling a table takes longer than a request may. */
function open(url: string): Promise<Turbo> {
  const env = { DATABASE_URL: url, AGENT_TURBO_STATEMENT_TIMEOUT_MS: '3600000' }
  return createTurbo(loadConfig({ env }), { log: createLog({ level: 'silent' }), embedder: fakeEmbedder() })
}

/** The task graph and the queue: insert, ready, release, claims beside a long queue and a long history, starvation. */
export const queuePart: Part = {
  name: 'queue',
  sizes: { waiting: 100_000, finished: 500_000 },
  async run(url, sizes, checks) {
    const { waiting = 0, finished = 0 } = sizes
    printHeader('Queue', `graph of ${GRAPH} tasks; claims beside ${waiting} waiting and ${finished} finished tasks`)
    const [own, peer] = [await open(url), await open(url)]
    const db = own.store
    const world = { db, orchestrator: own.orchestrator, peer: peer.orchestrator }
    try {
      await db.query(sql`insert into agent_sessions (session_id, agent_platform, agent_role)
        values ('s1', 'claude_code', 'planner')`)
      await graph(world, checks)
      await release(world, checks)
      await starvation(world, checks)
      await claims(world, waiting, finished, checks)
    } finally {
      await Promise.all([own.stop(), peer.stop()])
    }
  },
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

async function repeated(times: number, work: (run: number) => Promise<unknown>): Promise<number[]> {
  const taken: number[] = []
  for (let run = 0; run < times; run += 1) taken.push(await timed(() => work(run)))
  return taken
}

const task = (taskId: string, dependsOnTasks: string[] = []) => ({
  taskId,
  taskType: 'analysis',
  taskDescription: `look at ${taskId}`,
  sessionId: 's1',
  dependsOnTasks,
})

const worker = (workerId: string, limit: number) => ({
  workerId,
  platforms: ['claude_code'],
  roles: null,
  capabilities: [],
  limit,
  leaseSeconds: 600,
})

async function graph({ db, orchestrator: { tasks } }: World, checks: Checks): Promise<void> {
  const inserted = await repeated(3, async (run) => {
    const name = (index: number) => `g${run}-${index}`
    const nodes = Array.from({ length: GRAPH }, (_, index) =>
      task(name(index), index < GRAPH_WIDTH ? [] : [name(index - GRAPH_WIDTH), name(index >> 1)]),
    )
    await tasks.createBatch(nodes)
  })
  console.log(`insert      ${milliseconds(summary(inserted))}  (a graph of ${GRAPH}, ${inserted.length} times)`)
  const ready = await repeated(READS, () => tasks.list({ ready: true, limit: 100 }))
  console.log(`ready       ${milliseconds(summary(ready))}  (100 of the ready tasks, three graphs)`)
  checks.atMost('insert a graph of 10,000, median', summary(inserted).p50 / 1000, 2, 's')
  checks.atMost('ready query p99', summary(ready).p99, 30, 'ms')
  await db.query(sql`truncate agent_tasks, task_dependencies, task_attempts, task_leases, task_log`)
}

/** From the report that ends a parent until another process has claimed its dependent. */
async function release({ db, orchestrator, peer }: World, checks: Checks): Promise<void> {
  await orchestrator.tasks.createBatch(
    Array.from({ length: RELEASES }, (_, index) => [task(`p${index}`), task(`c${index}`, [`p${index}`])]).flat(),
  )
  const parents = await claimAll(orchestrator, RELEASES)
  const ended: number[] = []
  const claimed: number[] = []
  for (const { attemptId } of parents) {
    const startedAt = performance.now()
    await orchestrator.queue.finish({ attemptId, outcome: 'completed' })
    ended.push(performance.now() - startedAt)
    const [dependent] = await peer.queue.claim(worker('w2', 1))
    if (!dependent?.taskId.startsWith('c')) throw new Error('a dependent was not released')
    claimed.push(performance.now() - startedAt)
  }
  console.log(`end         ${milliseconds(summary(ended))}  (a run that ends and releases one task, one transaction)`)
  console.log(
    `release     ${milliseconds(summary(claimed))}  (from the report until another process has the dependent)`,
  )
  checks.atMost('release of a dependent p99', summary(claimed).p99, 20, 'ms')
  await db.query(sql`truncate agent_tasks, task_dependencies, task_attempts, task_leases, task_log`)
}

async function claimAll({ queue }: Orchestrator, count: number) {
  const all: Awaited<ReturnType<typeof queue.claim>> = []
  while (all.length < count) all.push(...(await queue.claim(worker('w1', Math.min(50, count - all.length)))))
  return all
}

/** A task of priority 1 in a stream of priority 10 that one worker just keeps up with: one a second for three hours. */
async function starvation({ db, orchestrator }: World, checks: Checks): Promise<void> {
  const seconds = 3 * 3600
  await withoutTriggers(db, () =>
    db.query(sql`
      insert into agent_tasks (task_id, task_type, task_description, task_priority, lane, queue_start, queue_rank)
      select 'stream-' || i, 't', 'x', priority, task_lane(null, null, '{}', null, null), now() + at,
        now() + at - priority * interval '10 minutes'
      from generate_series(0, ${seconds}) i, lateral (
        select case i when 0 then 1 else 10 end as priority, i * interval '1 second' as at) given`),
  )
  let before = 0
  for (let found = false; !found; ) {
    for (const { taskId, attemptId } of await orchestrator.queue.claim(worker('w1', 60))) {
      if (taskId === 'stream-0') found = true
      if (!found) before += 1
      await orchestrator.queue.finish({ attemptId, outcome: 'completed' })
    }
  }
  console.log(`starvation  priority 1 starts after ${before} of ${seconds} tasks of priority 10, one a second`)
  checks.atMost('wait of priority 1 under priority 10', before / 60, 90, 'min')
  await db.query(sql`truncate agent_tasks, task_dependencies, task_attempts, task_leases, task_log`)
}

async function claims(world: World, waiting: number, finished: number, checks: Checks): Promise<void> {
  const { db } = world
  await fill(db, 'small', CLAIMS * 2, 0)
  const small = await claimTimes(world)
  await db.query(sql`truncate agent_tasks, task_dependencies, task_attempts, task_leases, task_log`)
  const filledMs = await timed(() => fill(db, 'large', waiting, finished))
  console.log(`filled      ${waiting} waiting and ${finished} finished tasks in ${(filledMs / 1000).toFixed(0)} s`)
  const large = await claimTimes(world)
  console.log(`claim       ${milliseconds(summary(small))}  (one task, ${CLAIMS * 2} waiting, nothing finished)`)
  console.log(`claim       ${milliseconds(summary(large))}  (one task, ${waiting} waiting, ${finished} finished)`)
  checks.atMost('claim beside a long queue and history', summary(large).p50 / summary(small).p50, 2, 'x')
}

async function claimTimes({ orchestrator: { queue } }: World): Promise<number[]> {
  const warm = () => queue.claim(worker('w1', 1))
  await repeated(20, warm)
  return repeated(CLAIMS, warm)
}

/** Rows as triggers would leave them, in lanes of three platforms, on a server that has come to rest. */
async function fill(db: Store, name: string, waiting: number, finished: number): Promise<void> {
  await withoutTriggers(db, async () => {
    await db.query(sql`
      insert into agent_tasks (task_id, task_type, task_description, session_id, assigned_to_platform, lane, status,
        started_at, completed_at, progress_percentage)
      select ${name} || '-done-' || i, 'analysis', 'look at it', 's1', 'claude_code',
        task_lane('claude_code', null, '{}', null, null), 'completed', now() - i * interval '1 s', now(), 100
      from generate_series(1, ${finished}::int) i`)
    await db.query(sql`
      insert into agent_tasks (task_id, task_type, task_description, session_id, assigned_to_platform, lane, ready_at,
        queue_start, queue_rank)
      select ${name} || '-' || i, 'analysis', 'look at it', 's1', platform, task_lane(platform, null, '{}', null, null),
        now(), now() + i * interval '1 s', now() + i * interval '1 s' - interval '50 minutes'
      from generate_series(1, ${waiting}::int) i,
        lateral (select case i % 3 when 0 then 'codex' when 1 then 'claude_code' end as platform) p`)
  })
  await db.query(sql`vacuum analyze agent_tasks`)
  await db.query(sql`checkpoint`)
}

async function withoutTriggers(db: Store, work: () => Promise<unknown>): Promise<void> {
  await db.query(sql`alter table agent_tasks disable trigger user`)
  await work()
  await db.query(sql`alter table agent_tasks enable trigger user`)
}
