import type { Log } from '../base/log.ts'
import type { Database } from '../db/executor.ts'
import { createTaskQueue, type TaskQueue } from './tasks/queue.ts'
import { createTaskService, type TaskService } from './tasks/service.ts'

export { TASK_STATUSES } from './states.ts'
export type { TaskService } from './tasks/service.ts'
export type { Task, TaskSummary } from './tasks/types.ts'

/** Sessions, tasks, the audit trail, and what an agent must know when it starts. */
export interface OrchestratorServices {
  tasks: TaskService
}

/** The services over one store, with what runs behind them. */
export interface Orchestrator extends OrchestratorServices {
  /** Where workers get their tasks. */
  queue: TaskQueue
  /** Starts what runs in the background. Called twice, it starts once. */
  start(): Promise<void>
  /** Ends the background work. Idempotent; the store is the caller's to stop. */
  stop(): Promise<void>
}

export interface OrchestratorOptions {
  db: Database
  log: Log
}

export function createOrchestrator({ db, log }: OrchestratorOptions): Orchestrator {
  const tasks = createTaskService({ db, log })
  return {
    tasks,
    queue: createTaskQueue(db),
    start: async () => tasks.start(),
    stop: () => tasks.stop(),
  }
}
