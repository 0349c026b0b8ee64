/** What is seen of a run at one moment. */
export interface ActivitySample {
  atMs: number
  outputBytes: number
  /** Processor time of all its processes that live now. */
  cpuMs: number
  pids: readonly number[]
}

export interface StallLimits {
  /** Inactivity after which a warning is given. */
  warnAfterMs: number
  /** Inactivity after which the run counts as stalled; more than `warnAfterMs`. */
  stalledAfterMs: number
}

export type Verdict = 'active' | 'quiet' | 'warn' | 'stalled'

/** What the judge remembers between two samples. */
export interface StallState {
  last: ActivitySample
  activeAtMs: number
  isWarned: boolean
}

/**
 * Processor time, as a share of the time passed, from which a run counts as at work. An agent that waits for an answer
 * that never comes stays far below, in spite of its timers; a compiler or a test is far above.
 */
const BUSY_SHARE = 0.05

export function startWatching(sample: ActivitySample): StallState {
  return { last: sample, activeAtMs: sample.atMs, isWarned: false }
}

/**
 * Whether a run is alive, by any of three signs: it said something, it computed, a process of it started or
 * ended. Silence alone is
 * no stall, as a build may print nothing for an hour; and a warning always comes before the end.
 */
export function judgeActivity(
  state: StallState,
  sample: ActivitySample,
  limits: StallLimits,
): { state: StallState; verdict: Verdict } {
  const { last } = state
  const spoke = sample.outputBytes > last.outputBytes
  const computed = sample.cpuMs - last.cpuMs > BUSY_SHARE * (sample.atMs - last.atMs)
  const moved = sample.pids.length !== last.pids.length || sample.pids.some((pid) => !last.pids.includes(pid))
  if (spoke || computed || moved) return { state: startWatching(sample), verdict: 'active' }

  const quietMs = sample.atMs - state.activeAtMs
  if (quietMs < limits.warnAfterMs) return { state: { ...state, last: sample }, verdict: 'quiet' }
  if (!state.isWarned) return { state: { ...state, last: sample, isWarned: true }, verdict: 'warn' }
  return { state: { ...state, last: sample }, verdict: quietMs < limits.stalledAfterMs ? 'quiet' : 'stalled' }
}
