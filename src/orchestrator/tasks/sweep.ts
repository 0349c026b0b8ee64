import type { Log } from '../../base/log.ts'
import { createLoop, type Loop } from '../../base/loop.ts'
import type { Database } from '../../db/executor.ts'
import { retrying } from '../retry.ts'
import { admitScheduled, endOverdue, reapLeases, repairWindow } from './queue-queries.ts'

const SWEEP_MS = 1_000
/** Each look takes a connection of its own for the lock. */
const REPAIR_MS = 15_000
/** Tasks that one step ends, lets in or reaps. */
const ROWS_MAX = 100
/** Tasks that one step of the repair looks at. */
const LOOKED_MAX = 500
const WINDOWS_MAX = 20

/** What happens to tasks by the clock alone: leases expire, scheduled tasks come due, limits run out. */
export function createClock({ db, log }: { db: Database; log: Log }): Loop {
  return createLoop({ name: 'task-clock', idleMs: SWEEP_MS, log, step: () => tick(db) })
}

/** One bounded step; true while there is more. Any number of processes may take it at once. */
export async function tick(db: Database): Promise<boolean> {
  const counts = [
    await retrying(() => reapLeases(db, ROWS_MAX)),
    await retrying(() => admitScheduled(db, ROWS_MAX)),
    await retrying(() => endOverdue(db, ROWS_MAX)),
  ]
  return counts.includes(ROWS_MAX)
}

/** Goes through the waiting tasks, one process at a time, and mends what triggers have not. */
export function createRepair({ db, log }: { db: Database; log: Log }): Loop {
  let position: RepairPosition = { status: 'blocked', afterSeq: 0 }
  const step = async (signal: AbortSignal) => {
    await db.tryExclusive('agent-turbo:task-repair', async () => {
      for (let windows = 0; windows < WINDOWS_MAX && !signal.aborted; windows += 1) {
        const { next, mended } = await repairDependencies(db, position)
        const isRoundOver = next.afterSeq === 0
        position = next
        if (mended > 0) log.warn({ tasks: mended }, 'waiting tasks were not as their dependencies say; mended')
        if (isRoundOver) break
      }
    })
    return false
  }
  return createLoop({ name: 'task-repair', idleMs: REPAIR_MS, log, step })
}

export interface RepairPosition {
  status: 'pending' | 'blocked'
  afterSeq: number
}

/** Mends one window of tasks; where the next one begins, `afterSeq` 0 when all of a status were looked at. */
export async function repairDependencies(
  db: Database,
  { status, afterSeq }: RepairPosition,
): Promise<{ next: RepairPosition; mended: number }> {
  const { lastSeq, mended } = await retrying(() => repairWindow(db, status, afterSeq, LOOKED_MAX))
  const other = status === 'blocked' ? 'pending' : 'blocked'
  return { mended, next: lastSeq === null ? { status: other, afterSeq: 0 } : { status, afterSeq: lastSeq } }
}
