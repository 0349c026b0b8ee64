/** What is asked for in turn, each when its share of the time has passed. */
const RUNGS = [
  // An agent that is interrupted may still write its session and its result.
  { signal: 'SIGINT', share: 0 },
  { signal: 'SIGTERM', share: 0.5 },
  { signal: 'SIGKILL', share: 1 },
] as const satisfies { signal: NodeJS.Signals; share: number }[]

export interface StopLadder {
  /**
   * Asks ever more firmly, and kills at the end of `withinMs`. Called again it may only bring the end forward: what must
   * be gone before a lease expires does not wait for the grace of an earlier request.
   */
  stop(withinMs: number): void
  /** Nothing is left to be asked. */
  end(): void
}

/** @param send sends a signal to everything that has to end */
export function createStopLadder(send: (signal: NodeJS.Signals) => void): StopLadder {
  let timers: NodeJS.Timeout[] = []
  let killAtMs = Number.POSITIVE_INFINITY
  let isOver = false
  return {
    stop(withinMs) {
      const endMs = performance.now() + withinMs
      if (isOver || endMs >= killAtMs) return
      killAtMs = endMs
      for (const timer of timers) clearTimeout(timer)
      if (withinMs <= 0) return send('SIGKILL')
      timers = RUNGS.map(({ signal, share }) => setTimeout(() => send(signal), share * withinMs))
    },
    end() {
      isOver = true
      for (const timer of timers) clearTimeout(timer)
    },
  }
}
