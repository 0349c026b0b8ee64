interface Waiting<T, R> {
  item: T
  resolve(result: R): void
  reject(error: unknown): void
}

/**
 * One statement for all who ask at a time: what comes while `work` runs waits and goes together with the next call, so
 * that a single caller never waits for company. Where a call of several fails, each is tried alone: none fails for
 * another's fault.
 *
 * @param work answers in the order of its items
 * @param itemsMax items of one call
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
      else for (const each of batch) await settle([each])
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
      waiting.push({ item, resolve, reject })
      if (!isRunning) void run()
    })
}
