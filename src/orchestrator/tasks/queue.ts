import { batching } from '../../base/batcher.ts'
import type { Database } from '../../db/executor.ts'
import { retrying } from '../retry.ts'
import { endAttempts, giveBack, recordFenced, reserveBudget } from './attempt-queries.ts'
import { claim, renew } from './queue-queries.ts'
import type {
  BudgetShortage,
  ClaimedTask,
  ClaimRequest,
  EndedAttempt,
  FencedInput,
  FinishInput,
  Heartbeat,
  ReserveInput,
} from './queue-types.ts'

/** The side of the queue that workers stand at. */
export interface TaskQueue {
  /** Up to `limit` of the best waiting tasks that the worker can run, now running under a lease. Empty: wait for `task_ready`. */
  claim(request: ClaimRequest): Promise<ClaimedTask[]>
  /** Renews all leases of a worker; what it must end is marked in the answer, one entry for each attempt. */
  heartbeat(input: { workerId: string; attemptIds: string[]; leaseSeconds: number }): Promise<Heartbeat[]>
  /** Sets money aside for a run; null when there is enough of it. Its end settles it, and a lost run gives it back. */
  reserve(input: ReserveInput): Promise<BudgetShortage | null>
  /** Ends a run; null when the attempt has lost its lease: nothing was written, and the worker drops its result. */
  finish(input: FinishInput): Promise<EndedAttempt | null>
  /** Gives a task back unrun, at no cost to its retries; null when the attempt has lost its lease. */
  release(attemptId: string, options?: { runAfter?: string }): Promise<EndedAttempt | null>
  /** Writes down a run whose report was refused; true the first time, false where its report has been taken. */
  fenced(input: FencedInput): Promise<boolean>
}

/** Ends that one statement takes. */
const ENDS_MAX = 50

export function createTaskQueue(db: Database): TaskQueue {
  const end = batching((inputs: FinishInput[]) => retrying(() => endAttempts(db, inputs)), ENDS_MAX)
  return {
    claim: (request) => retrying(() => claim(db, request)),
    heartbeat: (input) => retrying(() => renew(db, input)),
    reserve: async (input) => (await retrying(() => reserveBudget(db, input))) ?? null,
    finish: async (input) => (await end(input)) ?? null,
    release: async (attemptId, { runAfter } = {}) =>
      (await retrying(() => giveBack(db, attemptId, runAfter ?? null))) ?? null,
    fenced: (input) => retrying(() => recordFenced(db, input)),
  }
}
