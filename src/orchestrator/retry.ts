import { canRepeat } from '../db/index.ts'

/** Tries in all; a transaction that loses this often has a rival that a person should know of. */
const TRIES_MAX = 3

/**
 * Runs a transaction again that another one has got in the way of: a deadlock, a serialization failure, or whatever else
 * `isPassing` knows to pass.
 */
export async function retrying<T>(
  work: () => Promise<T>,
  isPassing: (error: unknown) => boolean = canRepeat,
): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await work()
    } catch (error) {
      if (tried === TRIES_MAX || !isPassing(error)) throw error
    }
  }
}
