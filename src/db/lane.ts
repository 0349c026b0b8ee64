import { TurboError } from '../base/errors.ts'

interface Waiter {
  start(): void
  timer: NodeJS.Timeout
}

/** Settings of a {@link Lane}. */
export interface LaneOptions {
  /** Pieces of work that may wait; one more is refused at once. */
  waitersMax: number
  /** Milliseconds that a piece of work may wait for its turn. */
  waitMs: number
}

/** Runs one piece of work at a time, in the order of arrival; what waits is bounded in number and in time. */
export class Lane {
  readonly #options: LaneOptions
  readonly #waiters = new Set<Waiter>()
  #busy = false

  constructor(options: LaneOptions) {
    this.#options = options
  }

  /** @throws TurboError `unavailable` when too many wait, `timeout` when the turn did not come */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) await this.#turn()
    this.#busy = true
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  #turn(): Promise<void> {
    const { waitersMax, waitMs } = this.#options
    if (this.#waiters.size >= waitersMax) {
      throw new TurboError('unavailable', 'too many statements wait for the database', { retryAfterSeconds: 1 })
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        start: resolve,
        timer: setTimeout(() => {
          this.#waiters.delete(waiter)
          reject(new TurboError('timeout', 'the database was busy for too long', { retryAfterSeconds: 1 }))
        }, waitMs),
      }
      this.#waiters.add(waiter)
    })
  }

  /** Hands the lane to the longest waiting; it stays busy in between, so that nobody slips in. */
  #next(): void {
    const [first] = this.#waiters
    if (first === undefined) {
      this.#busy = false
      return
    }
    this.#waiters.delete(first)
    clearTimeout(first.timer)
    first.start()
  }
}
