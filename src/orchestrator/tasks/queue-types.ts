import type { TaskStatus } from '../states.ts'
import type { Outcome } from './types.ts'

/** What a worker asks for: what it can run, and how much of it. */
export interface ClaimRequest {
  workerId: string
  platforms: string[]
  /** Null: any role. */
  roles: string[] | null
  capabilities: string[]
  /** The account behind each platform; a platform whose account is paused gets nothing. */
  accounts?: Record<string, string>
  limit: number
  leaseSeconds: number
  host?: string
  pid?: number
}

/** A task handed to a worker, with what it needs to run it. */
export interface ClaimedTask {
  /** Names this run in everything the worker writes. */
  attemptId: string
  attemptNumber: number
  leaseUntil: string
  /** When the run is overdue. */
  runUntil: string
  taskId: string
  sessionId: string | null
  planId: string | null
  project: string | null
  taskType: string
  taskDescription: string
  taskPriority: number
  assignedToRole: string | null
  assignedToPlatform: string | null
  requiredContext: Record<string, unknown>
  inputData: Record<string, unknown>
  verify: unknown
  timeoutSeconds: number
  stallTimeoutSeconds: number | null
  dependsOnTasks: string[]
  metadata: Record<string, unknown>
  /** Since it could be claimed. */
  waitedSeconds: number
  /** Of the platforms that were asked for, those whose accounts are not paused. */
  usablePlatforms: string[]
}

/** What a heartbeat says of one attempt. */
export interface Heartbeat {
  attemptId: string
  /** The lease is somebody else's, or nobody's: end the run, whatever it would write is refused. */
  lost: boolean
  /** False also where the lease was locked: it is about to be taken or given back. */
  renewed: boolean
  cancelRequested: boolean
}

/** What a run did, for the audit trail; secrets are taken out before it is written. */
export interface AttemptTrail {
  changedFiles: string[]
  commandsExecuted: string[]
  /** Files and commands that are not in the lists. */
  leftOut: number
  /** What was committed while it ran: behind `from` (null: from the first), up to `to`. */
  commits: { from: string | null; to: string } | null
}

/** How a run ended. */
export interface FinishInput {
  attemptId: string
  /** `released`: for a reason that lies outside of the task, which goes back at no cost to its retries. */
  outcome: Extract<Outcome, 'completed' | 'failed' | 'cancelled' | 'timed_out' | 'released'>
  outputData?: Record<string, unknown>
  errorMessage?: string
  failureClass?: string
  exitCode?: number
  cliSessionId?: string
  usage?: Record<string, unknown>
  costUsd?: number
  trail?: AttemptTrail
  /** False where another run would fail in the same way. Default true. */
  retry?: boolean
  /** The failure is not the task's own: it counts against `max_infra_retries`. */
  infrastructure?: boolean
  /** The next run need not wait. Default: it waits longer after each failure. */
  atOnce?: boolean
  /** Instead of failing the task is blocked, for this reason, until somebody has changed something. */
  hold?: string
  /** A released task may not run again before this has passed. */
  waitSeconds?: number
}

/** Money to be set aside for a run before it begins, and what may be spent in all; absent is no budget. */
export interface ReserveInput {
  attemptId: string
  amountUsd: number
  taskUsd?: number
  sessionUsd?: number
  dayUsd?: number
}

/** The budget that a run does not fit into. */
export interface BudgetShortage {
  budget: 'task' | 'session' | 'day'
  limitUsd: number
  /** Spent, or set aside for runs under way. */
  takenUsd: number
  /** When there may be room; null where it is spent for good. */
  waitSeconds: number | null
}

/** What a run leaves behind whose lease was lost before it could report. */
export interface FencedInput
  extends Pick<FinishInput, 'attemptId' | 'exitCode' | 'cliSessionId' | 'usage' | 'costUsd'> {
  /** What it would have reported. */
  endClass: string
}

export interface EndedAttempt {
  taskId: string
  status: TaskStatus
  runAfter: string | null
}
