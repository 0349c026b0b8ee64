import { sql } from 'drizzle-orm'
import { createLog } from '../../src/base/log.ts'
import { openDatabase, type Store } from '../../src/db/index.ts'
import { createTaskQueue, type TaskQueue } from '../../src/orchestrator/tasks/queue.ts'
import type { ClaimRequest } from '../../src/orchestrator/tasks/queue-types.ts'
import { createTaskService, type Tasks } from '../../src/orchestrator/tasks/service.ts'
import type { TaskInput } from '../../src/orchestrator/tasks/types.ts'
import { testDatabase } from './database.ts'

/** Tasks over a store of their own. Nothing runs behind them: a test takes the steps itself. */
export interface TestTasks {
  db: Store
  tasks: Tasks
  queue: TaskQueue
  /** A connection pool of another process on the same server. */
  peer(): Promise<Store>
  /** Creates a task of no special kind; its id. */
  add(fields?: Partial<TaskInput>): Promise<string>
  /** What rows say, by id. */
  states(...taskIds: string[]): Promise<Record<string, string>>
  /** Claims for a worker that can run everything. */
  take(limit?: number, fields?: Partial<ClaimRequest>): Promise<Awaited<ReturnType<TaskQueue['claim']>>>
  session(sessionId: string): Promise<string>
  /** Removes all tasks and sessions' tasks, for the next test of the file. */
  empty(): Promise<void>
  drop(): Promise<void>
}

/** A worker that runs everything. */
export const WORKER: ClaimRequest = {
  workerId: 'w1',
  platforms: ['claude_code', 'codex'],
  roles: null,
  capabilities: [],
  limit: 1,
  leaseSeconds: 60,
}

export async function testTasks(): Promise<TestTasks> {
  const { db, config, drop } = await testDatabase()
  const peers: Store[] = []
  const tasks = createTaskService({ db, log: createLog({ level: 'silent' }) })
  const queue = createTaskQueue(db)
  return {
    db,
    tasks,
    queue,
    peer: async () => {
      const peer = await openDatabase({ ...config, poolMin: 0 })
      peers.push(peer)
      return peer
    },
    add: async (fields = {}) => {
      const made = await tasks.create({ taskType: 'analysis', taskDescription: 'look at it', ...fields })
      return made.taskId
    },
    states: async (...taskIds) => {
      const rows = await db.query<{ taskId: string; status: string }>(sql`
        select task_id, status from agent_tasks
        where ${taskIds.length === 0}::boolean or task_id = any(${sql.param(taskIds)}::text[]) order by task_seq`)
      return Object.fromEntries(rows.map(({ taskId, status }) => [taskId, status]))
    },
    take: (limit = 1, fields = {}) => queue.claim({ ...WORKER, limit, ...fields }),
    session: async (sessionId) => {
      await db.query(sql`insert into agent_sessions (session_id, agent_platform, agent_role)
        values (${sessionId}, 'claude_code', 'planner') on conflict do nothing`)
      return sessionId
    },
    empty: async () => {
      await db.query(sql`delete from agent_tasks`)
      await db.query(sql`delete from workers`)
      await db.query(sql`delete from agent_accounts`)
    },
    drop: async () => {
      await Promise.all(peers.map((peer) => peer.stop()))
      await drop()
    },
  }
}
