import { TurboError } from '../base/errors.ts'

/** Counts the bytes of bodies that are held in memory. */
export class BodyBudget {
  #bytes = 0
  readonly #bytesMax: number

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** @throws TurboError `unavailable` when too many bytes are held already. */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax) {
      throw new TurboError('unavailable', 'too many large requests are at work', {
        retryAfterSeconds: 1,
        next: 'Send it again in a moment.',
      })
    }
    this.#bytes += bytes
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}
