import type { Log } from '../base/log.ts'
import { createLoop } from '../base/loop.ts'
import type { TaskQueue } from '../orchestrator/index.ts'

/** An attempt whose lease has to be renewed. */
export interface Held {
  readonly attemptId: string
  /** Somebody wants the task to end. */
  cancel(): void
  /** The task is not ours any more, or will not be in `withinMs`: everything of the run is gone by then. */
  fence(withinMs: number): void
}

export interface LeasesOptions {
  queue: Pick<TaskQueue, 'heartbeat'>
  workerId: string
  leaseSeconds: number
  log: Log
}

/** Renewals are tried this often within the length of a lease, so that several may fail. */
const BEATS_PER_LEASE = 6
const BEAT_MS_MIN = 250
/** Also how long a cancelled task goes on. */
const BEAT_MS_MAX = 5_000
/** What ends a run asks for its end first; a third of a short lease, for that it has to be over before the lease is. */
const STOP_MS_MAX = 20_000

/** Keeps the tasks of one worker its own, with one statement for all of them. */
export interface Leases {
  /** @param claimedAtMs on this process's steady clock, before the claim was sent */
  hold(held: Held, claimedAtMs: number): void
  release(attemptId: string): void
  start(): void
  stop(): Promise<void>
}

export function createLeases({ queue, workerId, leaseSeconds, log }: LeasesOptions): Leases {
  const leaseMs = leaseSeconds * 1_000
  const stopMs = Math.min(STOP_MS_MAX, leaseMs / 3)
  const beatMs = Math.min(BEAT_MS_MAX, Math.max(BEAT_MS_MIN, leaseMs / BEATS_PER_LEASE))
  const leases = new Map<string, { held: Held; renewedAtMs: number }>()
  let isFailing = false

  const beat = async () => {
    if (leases.size === 0) return
    // The lease that the statement writes begins later than this.
    const sentAtMs = performance.now()
    const answers = await queue.heartbeat({ workerId, attemptIds: [...leases.keys()], leaseSeconds })
    for (const { attemptId, lost, renewed, cancelRequested } of answers) {
      const lease = leases.get(attemptId)
      if (lease === undefined) continue
      if (lost) lease.held.fence(0)
      else if (renewed) lease.renewedAtMs = sentAtMs
      if (cancelRequested) lease.held.cancel()
    }
  }
  const loop = createLoop({
    name: 'leases',
    idleMs: beatMs,
    log,
    // At an even pace whatever happens: the watchdog ends what could not be renewed.
    async step() {
      try {
        await beat()
        if (isFailing) log.info({ workerId }, 'leases are renewed again')
        isFailing = false
      } catch (error) {
        if (!isFailing) log.warn({ err: error, workerId }, 'leases cannot be renewed')
        isFailing = true
      }
      return false
    },
  })
  /** Runs beside the beats: a statement that hangs renews nothing. */
  const watch = () => {
    for (const { held, renewedAtMs } of leases.values()) {
      const leftMs = renewedAtMs + leaseMs - performance.now()
      if (leftMs < stopMs) held.fence(Math.max(0, leftMs))
    }
  }
  let watchdog: NodeJS.Timeout | undefined
  return {
    hold: (held, claimedAtMs) => leases.set(held.attemptId, { held, renewedAtMs: claimedAtMs }),
    release: (attemptId) => leases.delete(attemptId),
    start() {
      loop.start()
      watchdog ??= setInterval(watch, Math.min(1_000, leaseMs / 20))
    },
    async stop() {
      clearInterval(watchdog)
      await loop.stop()
    },
  }
}
