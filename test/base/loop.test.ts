import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import { createLoop } from '../../src/base/loop.ts'

const log = createLog({ level: 'silent' })

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a loop that rests', () => {
  it('runs woken steps no closer than that, and an idle one at once', async () => {
    const began: number[] = []
    const startedAt = Date.now()
    const loop = createLoop({
      name: 'test',
      idleMs: 10_000,
      restMs: 100,
      log,
      step: async () => {
        began.push(Date.now() - startedAt)
        return false
      },
    })
    loop.start()
    for (let at = 0; at < 250; at += 10) {
      await vi.advanceTimersByTimeAsync(10)
      loop.wake()
    }
    await vi.advanceTimersByTimeAsync(1_000)
    expect(began).toEqual([0, 100, 200, 300])
    loop.wake()
    await vi.advanceTimersByTimeAsync(0)
    expect(began.at(-1)).toBe(1_250)
    await loop.stop()
  })

  it('ends while it rests', async () => {
    const loop = createLoop({ name: 'test', idleMs: 10_000, restMs: 60_000, log, step: async () => false })
    loop.start()
    await vi.advanceTimersByTimeAsync(10)
    await loop.stop()
    expect(vi.getTimerCount()).toBe(0)
  })
})
