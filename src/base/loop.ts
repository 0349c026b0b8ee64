import type { Log } from './log.ts'

/** Longest pause after a step has failed again and again. */
const PAUSE_MS_MAX = 30_000

export interface LoopOptions {
  name: string
  /** Pause between steps while there is nothing to do; a function where it is to be another one each time. */
  idleMs: number | (() => number)
  /** Least pause behind a step that left nothing to do: many wake-ups then cost few steps. Default none. */
  restMs?: number
  log: Log
  /** One bounded piece of work; true when there is more to do at once. */
  step: (signal: AbortSignal) => Promise<boolean>
}

export interface Loop {
  start(): void
  /** Ends the pause, so that the next step runs now, or at the end of its rest. */
  wake(): void
  /** Resolves when the step in flight has ended. Idempotent. */
  stop(): Promise<void>
}

/** Work that repeats in the background until it is stopped; a failed step is logged once and tried again, ever later. */
export function createLoop({ name, idleMs, restMs = 0, log, step }: LoopOptions): Loop {
  const stopping = new AbortController()
  let running: Promise<void> | undefined
  let end: () => void = () => undefined
  let woken = false
  let mayWake = false

  const pause = (ms: number, isRest = false) =>
    new Promise<void>((resolve) => {
      mayWake = !isRest
      if ((woken && mayWake) || stopping.signal.aborted) return resolve()
      const timer = setTimeout(resolve, ms)
      timer.unref()
      end = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const idle = () => (typeof idleMs === 'number' ? idleMs : idleMs())
  const rest = async () => {
    if (restMs > 0) await pause(restMs, true)
    await pause(idle())
  }

  const run = async () => {
    let failures = 0
    while (!stopping.signal.aborted) {
      woken = false
      try {
        const more = await step(stopping.signal)
        failures = 0
        if (!more) await rest()
      } catch (error) {
        if (stopping.signal.aborted) return
        failures += 1
        if (failures === 1) log.warn({ loop: name, err: error }, 'background step failed, will be tried again')
        // A wake-up must not turn a failing step into a busy loop.
        woken = false
        await pause(Math.min(idle() * 2 ** failures, PAUSE_MS_MAX) * (0.5 + Math.random() / 2))
      }
    }
  }

  return {
    start() {
      running ??= run()
    },
    wake() {
      woken = true
      if (mayWake) end()
    },
    async stop() {
      stopping.abort()
      end()
      await running
    },
  }
}
