import { createHash, randomUUID } from 'node:crypto'
import { messageOf, TurboError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Executor } from '../db/executor.ts'
import {
  type Attempt,
  deleteExpiredAttempts,
  prolongAttempt,
  releaseAttempt,
  selectAttempt,
  storeAnswer,
  takeAttempt,
} from './queries.ts'
import type { Answer, RepeatableRequest } from './types.ts'

const KEEP_SECONDS = 24 * 3600
/** A process that died frees its requests after this long; a living one prolongs them thrice as often. */
const LOCK_SECONDS = 15
const PROLONG_EVERY_MS = (LOCK_SECONDS * 1000) / 3
const BODY_CHARS_MAX = 1_000_000
const SWEEP_EVERY_MS = 60_000
const SWEPT_ROWS_MAX = 5_000
/** A row may vanish between being refused and being read; that is a new request then. */
const TAKE_ATTEMPTS_MAX = 3

/**
 * Requests that carry an Idempotency-Key. The row is taken before the work begins and holds the answer afterwards:
 *
 * - the same key and input again: the stored answer, for 24 hours; where it held stored text (`reread`), the same status
 *   with what is there now, or the error of reading it, such as `not_found` after an erase;
 * - the same key while the first is at work: `conflict`;
 * - the same key, another input: `idempotency_key_reused`;
 * - work that failed has had no effect (verbs are transactions), so its row is removed and a retry runs.
 *
 * A process that dies between the effect and the storing leaves a row in flight. After {@link LOCK_SECONDS} a retry
 * takes it and runs the verb again: one that adds is deduplicated by content, one that changes or erases ends in the
 * same state. A verb that is neither must derive its new id from the key (`OperationContext.idempotencyKey`).
 */
export class Idempotency {
  readonly #db: Executor
  readonly #log: Log
  readonly #now: () => number
  #sweptAtMs = 0

  constructor(db: Executor, log: Log, now: () => number) {
    this.#db = db
    this.#log = log
    this.#now = now
  }

  /** Runs `work` once for all requests with this key, and answers each of them with its answer. */
  async once(request: RepeatableRequest, work: () => Promise<Answer>): Promise<Answer & { replayed: boolean }> {
    await this.sweep()
    const attempt: Attempt = {
      principal: request.principal.id,
      operation: request.operation,
      key: request.key,
      fingerprint: createHash('sha256').update(JSON.stringify(request.input)).digest('hex'),
      owner: randomUUID(),
    }
    const stored = await this.#takeOrRead(attempt, request.reread)
    if (stored !== null) return { ...stored, replayed: true }
    const answer = await this.#run(attempt, work, request.reread === undefined)
    return { ...answer, replayed: false }
  }

  /** Null when the row is ours; else the answer that is already there. */
  async #takeOrRead(attempt: Attempt, reread: RepeatableRequest['reread']): Promise<Answer | null> {
    for (let i = 0; i < TAKE_ATTEMPTS_MAX; i++) {
      const taken = await takeAttempt(this.#db, attempt, { lockSeconds: LOCK_SECONDS, keepSeconds: KEEP_SECONDS })
      if (taken.length > 0) return null
      const [row] = await selectAttempt(this.#db, attempt)
      if (row === undefined) continue
      if (row.fingerprint !== attempt.fingerprint) throw reused()
      if (row.status === null) throw inFlight()
      if (reread !== undefined) return { status: row.status, body: await reread() }
      if (row.body === null) throw tooLargeToReplay(row.status)
      return { status: row.status, body: row.body }
    }
    throw inFlight()
  }

  async #run(attempt: Attempt, work: () => Promise<Answer>, keepsBody: boolean): Promise<Answer> {
    const timer = setInterval(() => {
      // Should this fail, the lock runs out and a retry may run the verb again, which is harmless by the rule above.
      prolongAttempt(this.#db, attempt, LOCK_SECONDS).catch((error: unknown) => this.#warn('prolong', error))
    }, PROLONG_EVERY_MS)
    timer.unref()
    let answer: Answer
    try {
      answer = await work()
    } catch (error) {
      await releaseAttempt(this.#db, attempt).catch((failure: unknown) => this.#warn('release', failure))
      throw error
    } finally {
      clearInterval(timer)
    }
    const body = keepsBody && answer.body.length <= BODY_CHARS_MAX ? answer.body : null
    // The effect is there: the caller gets the answer even when it cannot be kept for a retry.
    await storeAnswer(this.#db, attempt, answer.status, body).catch((failure: unknown) => this.#warn('store', failure))
    return answer
  }

  /** Removes expired rows, once a minute at most and a bounded number at a time; does nothing when called sooner. */
  async sweep(): Promise<void> {
    if (this.#now() - this.#sweptAtMs < SWEEP_EVERY_MS) return
    this.#sweptAtMs = this.#now()
    await deleteExpiredAttempts(this.#db, SWEPT_ROWS_MAX)
  }

  #warn(step: string, error: unknown): void {
    this.#log.warn({ step, err: error }, `idempotency key: ${messageOf(error)}`)
  }
}

function reused(): TurboError {
  return new TurboError('idempotency_key_reused', 'this Idempotency-Key was used with another input', {
    next: 'Use a new key for a new request, and the same key only to repeat one.',
  })
}

function inFlight(): TurboError {
  return new TurboError('conflict', 'the first request with this Idempotency-Key is still at work', {
    retryAfterSeconds: 1,
    next: 'Repeat the request with the same key a little later.',
  })
}

function tooLargeToReplay(status: number): TurboError {
  return new TurboError(
    'conflict',
    `this request was carried out (status ${status}), but its answer was too large to keep`,
    {
      next: 'Read the item to see its state.',
    },
  )
}
