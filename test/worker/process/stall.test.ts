import { expect, test } from 'vitest'
import { type ActivitySample, judgeActivity, startWatching } from '../../../src/worker/process/stall.ts'

const limits = { warnAfterMs: 100, stalledAfterMs: 200 }
const idle: ActivitySample = { atMs: 0, outputBytes: 10, cpuMs: 1_000, pids: [1, 2] }

/** Verdicts of samples taken every 50 ms, each with what changes against the one before. */
function verdicts(...changes: Partial<ActivitySample>[]): string[] {
  let state = startWatching(idle)
  let sample = idle
  return changes.map((change) => {
    sample = { ...sample, atMs: sample.atMs + 50, ...change }
    const judged = judgeActivity(state, sample, limits)
    state = judged.state
    return judged.verdict
  })
}

test('inactivity is warned of once, and then ends the run', () => {
  expect(verdicts({}, {}, {}, {})).toEqual(['quiet', 'warn', 'quiet', 'stalled'])
})

test('however late the first look, the warning comes before the end', () => {
  expect(verdicts({ atMs: 10_000 }, {})).toEqual(['warn', 'stalled'])
})

test.each([
  ['a line', { outputBytes: 11 }],
  ['processor time', { cpuMs: 1_010 }],
  ['a new process', { pids: [1, 2, 3] }],
  ['a process that ended', { pids: [1] }],
])('%s is a sign of life, and the wait begins anew', (_, change) => {
  expect(verdicts({}, {}, change, {}, {})).toEqual(['quiet', 'warn', 'active', 'quiet', 'warn'])
})

test('the few timers of a program that waits are no sign of life', () => {
  expect(verdicts({ cpuMs: 1_001 }, { cpuMs: 1_002 }, {}, {}).at(-1)).toBe('stalled')
})
