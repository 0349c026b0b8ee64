import type { Log } from '../../base/log.ts'
import type { Database } from '../../db/executor.ts'

/** Tells who follows the log of a task that something was written, or that the task has ended. */
export interface LogChanges {
  watch(taskId: string): Promise<Watch>
}

export interface Watch {
  /** Resolves at the next change, or at one since the last call; also after `timeoutMs` and when `signal` is aborted. */
  next(timeoutMs: number, signal: AbortSignal): Promise<void>
  end(): void
}

/** One listening for all who follow, while there are any. Where it fails they look by the clock alone. */
export function createLogChanges({ db, log }: { db: Pick<Database, 'listen'>; log: Log }): LogChanges {
  const watched = new Map<string, Set<() => void>>()
  let listening: Promise<() => Promise<void>> | undefined

  const listen = async () => {
    listening ??= db.listen('task_log', {
      onNotify: (taskId) => tell(watched.get(taskId)),
      onGap: () => {
        for (const wakes of watched.values()) tell(wakes)
      },
    })
    try {
      await listening
    } catch (error) {
      listening = undefined
      log.warn({ err: error }, 'task logs are followed without notifications')
    }
  }
  const stopListening = () => {
    // A listening that failed has been told of.
    void listening?.then((unlisten) => unlisten()).catch(() => undefined)
    listening = undefined
  }
  return {
    async watch(taskId) {
      const { watch, wake } = createWatch(() => {
        const wakes = watched.get(taskId)
        wakes?.delete(wake)
        if (wakes?.size === 0) watched.delete(taskId)
        if (watched.size === 0) stopListening()
      })
      watched.set(taskId, (watched.get(taskId) ?? new Set()).add(wake))
      // Not waited for: while the store is away it does not end. Who reads before it listens looks again by the clock.
      void listen().then(wake)
      return watch
    },
  }
}

function tell(wakes: Iterable<() => void> = []): void {
  for (const wake of wakes) wake()
}

function createWatch(end: () => void): { watch: Watch; wake(): void } {
  let isChanged = false
  let resume: () => void = () => undefined
  const changed = (timeoutMs: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      resume = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', resume)
        resolve()
      }
      const timer = setTimeout(resume, timeoutMs)
      signal.addEventListener('abort', resume, { once: true })
    })
  const next: Watch['next'] = async (timeoutMs, signal) => {
    if (!isChanged && !signal.aborted) await changed(timeoutMs, signal)
    isChanged = false
  }
  return {
    watch: { next, end },
    wake() {
      isChanged = true
      resume()
    },
  }
}
