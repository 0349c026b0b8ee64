import type { Executor } from '../../db/executor.ts'
import { claimMeasuring, measureStats, readStats, storeStats } from './queries.ts'

/** How long figures hold at least; a large store, which takes long to count, is counted less often. */
const EVERY_SECONDS_MIN = 60
/** Share of the time that may go into counting. */
const COUNTING_SHARE = 0.01
/** How long one process may count before another one tries. */
const COUNTING_SECONDS_MAX = 120

/** Measures the figures of the store where there are none or they are due, in one process at a time. */
export async function measureIfDue(db: Executor): Promise<void> {
  const isMissing = (await readStats(db)) === null
  if (!isMissing && !(await claimMeasuring(db, COUNTING_SECONDS_MAX))) return
  const startedAt = performance.now()
  const stats = await measureStats(db)
  const seconds = (performance.now() - startedAt) / 1000
  await storeStats(db, stats, Math.max(EVERY_SECONDS_MIN, seconds / COUNTING_SHARE))
}
