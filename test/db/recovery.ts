import { isTurboError } from '../../src/base/errors.ts'

/** Repeats `work` while the store is away; resolves with the milliseconds that took. */
export async function recovered(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    try {
      await work()
      return performance.now() - startedAt
    } catch (error) {
      if (!isTurboError(error, 'unavailable')) throw error
    }
  }
}
