import type { Log } from '../base/log.ts'
import type { Database } from '../db/executor.ts'
import type { AccountService, OrchestratorServices, TaskLog, TaskQueue, WorkerRegistry } from '../orchestrator/index.ts'
import type { KnowledgePiece } from './prompt.ts'
import type { Permission } from './runners/index.ts'

/** How a worker works, with nothing left open. */
export interface WorkerSettings {
  /** Tasks that run at once, 1 to 64. */
  concurrency: number
  /** How long a task stays with a worker that is not heard of. */
  leaseSeconds: number
  /** Null: every agent that is installed, and `command`. `shell` has to be named. */
  platforms: string[] | null
  /** Null: any role. */
  roles: string[] | null
  /** What this host has that tasks may ask for, e.g. `gpu`. */
  capabilities: string[]
  /** Holds results that were not taken yet and what is known of running programs; each store has one of its own. */
  folder: string
  /** Where a task works that names no directory. */
  cwd: string
  /** The worker's own environment, of which each program sees what it may see. */
  environment: Readonly<Record<string, string | undefined>>
  /** Paths of programs that are not on the PATH, by platform. */
  programs: Readonly<Record<string, string>>
  budgets: Budgets
  routes: Routes
  /** How long {@link Worker.stop} lets runs go on before it hands their tasks back. */
  drainGraceMs: number
}

/** What agents may spend, in dollars; absent is no limit. All workers of a store are best given the same. */
export interface Budgets {
  /** A run that says nothing of it; so much is set aside before it begins. */
  attemptUsd?: number
  /** All runs of a task that says nothing of it. */
  taskUsd?: number
  /** All runs for a session. */
  sessionUsd?: number
  /** All runs since midnight UTC. */
  dayUsd?: number
}

/** What a run is given that its task does not name; the names are those of `input_data`. */
export interface Route {
  platform?: string
  model?: string
  effort?: string
  permission?: Permission
  tools?: string[]
  turns_max?: number
  budget_usd?: number
}

/** By `task_type`. */
export type Routes = Readonly<Record<string, Route>>

/** What a worker needs of the others. */
export interface WorkerServices {
  log: Log
  queue: TaskQueue
  workers: WorkerRegistry
  accounts: AccountService
  tasks: Pick<OrchestratorServices['tasks'], 'listAttempts'>
  taskLog: Pick<TaskLog, 'append'>
  listen: Database['listen']
  /** What is known that may help with a task, best first. */
  recall(about: { text: string; project: string | null }): Promise<KnowledgePiece[]>
  countTokens(text: string): number
}
