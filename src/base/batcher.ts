import { isTurboError, TurboError } from './errors.ts'

/** As many as may wait for a connection. */
const WAITING_MAX = 1_000

interface Waiting<T, R> {
  item: T
  resolve(result: R): void
  reject(error: unknown): void
}

/**
 * One statement for all who ask at a time: what comes while `work` runs waits and goes together with the next call, so
 * that a single caller never waits for company. Where a call of several fails, each is tried alone, so that none fails
 * for another's fault; unless nobody was answered in time, which is told to all.
 *
 * @param work answers in the order of its items
 * @param itemsMax items of one call
 * @throws TurboError `unavailable` when {@link WAITING_MAX} wait already
 */
export function batching<T, R>(work: (items: T[]) => Promise<R[]>, itemsMax: number): (item: T) => Promise<R> {
  const waiting: Waiting<T, R>[] = []
  let isRunning = false

  async function settle(batch: Waiting<T, R>[]): Promise<void> {
    try {
      const results = await work(batch.map(({ item }) => item))
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as R)
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error)
      else if (isTurboError(error, 'unavailable', 'timeout')) for (const { reject } of batch) reject(error)
      else await Promise.all(batch.map((each) => settle([each])))
    }
  }

  async function run(): Promise<void> {
    isRunning = true
    // So that what is asked for in one turn goes together.
    await null
    while (waiting.length > 0) await settle(waiting.splice(0, itemsMax))
    isRunning = false
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= WAITING_MAX) {
        return reject(new TurboError('unavailable', 'too many requests wait for the store', { retryAfterSeconds: 1 }))
      }
      waiting.push({ item, resolve, reject })
      if (!isRunning) void run()
    })
}
