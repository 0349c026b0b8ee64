import type { TaskStatus } from '../states.ts'

export type After = 'success' | 'end'
export type OnFailure = 'block' | 'skip' | 'cancel'
export type ReviewStatus = 'none' | 'approved' | 'rejected' | 'needs_revision'

/** One edge: what a new task waits for. */
export interface DependencyInput {
  taskId: string
  /** When it is met; default `success`. */
  after?: After
  /** What becomes of the task when the parent does not succeed; default `block`. */
  onFailure?: OnFailure
}

/** A task to be created. Absent limits are the columns' defaults. */
export interface TaskInput {
  /** The caller's own id; generated when absent. */
  taskId?: string
  taskType: string
  taskDescription: string
  sessionId?: string
  planId?: string
  /** The session's, when absent. */
  project?: string
  /** 1 to 10, 10 first; default 5. */
  taskPriority?: number
  assignedToRole?: string
  assignedToPlatform?: string
  requiredCapabilities?: string[]
  /** Edges with the usual policy: after success, block on failure. */
  dependsOnTasks?: string[]
  dependencies?: DependencyInput[]
  requiredContext?: Record<string, unknown>
  inputData?: Record<string, unknown>
  verify?: unknown
  timeoutSeconds?: number
  queueTimeoutSeconds?: number
  stallTimeoutSeconds?: number
  totalTimeoutSeconds?: number
  maxRetries?: number
  maxInfraRetries?: number
  runAfter?: string
  dedupeKey?: string
  concurrencyKey?: string
  concurrencyLimit?: number
  metadata?: Record<string, unknown>
}

export interface CreatedTask {
  taskId: string
  status: TaskStatus
  /** True when a live task has the dedupe key: nothing was created, and this is that task. */
  duplicate?: true
}

/** A task as lists show it. */
export interface TaskSummary {
  taskId: string
  sessionId: string | null
  planId: string | null
  project: string | null
  taskType: string
  taskDescription: string
  taskPriority: number
  assignedToRole: string | null
  assignedToPlatform: string | null
  status: TaskStatus
  /** Why it is blocked: `dependencies`, `dependency_failed`, `person`, or what a review or gate wrote. */
  blockedReason: string | null
  dependsOnTasks: string[]
  dependenciesLeft: number
  progressPercentage: number
  currentStep: string | null
  errorMessage: string | null
  assignedWorkerId: string | null
  retryCount: number
  infraRetryCount: number
  attemptCount: number
  reviewStatus: ReviewStatus
  cancelRequestedAt: string | null
  runAfter: string | null
  createdAt: string
  startedAt: string | null
  completedAt: string | null
  updatedAt: string
}

/** Everything about a task. */
export interface Task extends TaskSummary {
  requiredCapabilities: string[]
  requiredContext: Record<string, unknown>
  inputData: Record<string, unknown>
  outputData: Record<string, unknown> | null
  verify: unknown
  timeoutSeconds: number
  queueTimeoutSeconds: number | null
  stallTimeoutSeconds: number | null
  totalTimeoutSeconds: number | null
  maxRetries: number
  maxInfraRetries: number
  dedupeKey: string | null
  concurrencyKey: string | null
  concurrencyLimit: number
  readyAt: string | null
  deadlineAt: string | null
  metadata: Record<string, unknown>
  dependencies: Dependency[]
  /** Why it is not running, if it waits; empty when it runs or has ended. */
  whyWaiting: WaitingReason[]
  /** Its latest runs, newest first. */
  attempts: Attempt[]
  /** What its runs cost, as far as they said. */
  costUsd: number
}

/** What a task waits for, as it stands. */
export interface Dependency {
  taskId: string
  after: After
  onFailure: OnFailure
  met: boolean
  /** Null when the parent was deleted. */
  status: TaskStatus | null
}

export type WaitingCause =
  | 'dependency'
  | 'dependency_failed'
  | 'review'
  | 'person'
  | 'run_after'
  | 'no_worker'
  | 'account_paused'
  | 'budget'
  | 'concurrency'
  | 'queue'

export interface WaitingReason {
  reason: WaitingCause
  /** One sentence, with ids and times. */
  detail: string
}

/** The failure class of a run that was not begun as it did not fit into a budget. */
export const NO_BUDGET = 'no_budget'

export type Outcome = 'completed' | 'failed' | 'cancelled' | 'released' | 'lease_expired' | 'timed_out' | 'fenced'

/** One run of a task. */
export interface Attempt {
  attemptId: string
  attemptNumber: number
  workerId: string
  host: string | null
  pid: number | null
  startedAt: string
  endedAt: string | null
  /** Null while it runs. */
  outcome: Outcome | null
  failureClass: string | null
  exitCode: number | null
  cliSessionId: string | null
  errorMessage: string | null
  usage: Record<string, unknown> | null
  costUsd: number | null
}

export interface TaskFilter {
  status?: TaskStatus[]
  project?: string
  sessionId?: string
  planId?: string
  role?: string
  platform?: string
  taskType?: string
  /** Only what could be claimed now, in the order in which it will be. */
  ready?: boolean
}

export interface ListTasksInput extends TaskFilter {
  /** Default 50. */
  limit?: number
  cursor?: string
}

export interface TaskPage {
  tasks: TaskSummary[]
  nextCursor: string | null
}

/** What an agent that runs a task by itself reports of it. */
export interface TaskReport {
  status?: TaskStatus
  progressPercentage?: number
  currentStep?: string | null
  outputData?: Record<string, unknown>
  errorMessage?: string | null
}
