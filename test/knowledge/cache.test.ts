import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { AnswerCache } from '../../src/knowledge/cache.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

const forever = Number.POSITIVE_INFINITY

function filled(msMax = forever): AnswerCache<string> {
  const cache = new AnswerCache<string>()
  cache.setNotified(true)
  cache.set('q', 'a', { generation: cache.generation, startedAt: performance.now(), bytes: 10, msMax })
  return cache
}

/** Milliseconds after which the answer is no longer given. */
function lifetime(cache: AnswerCache<string>): number {
  for (let ms = 0; ; ms += 100) {
    if (cache.get('q') === undefined) return ms
    vi.advanceTimersByTime(100)
  }
}

it('gives an answer again, until something is written', () => {
  const cache = filled()
  expect(cache.get('q')).toBe('a')
  cache.invalidate()
  expect(cache.get('q')).toBeUndefined()
  expect(cache.stats()).toEqual({ entries: 0, bytes: 0, hits: 1, misses: 1 })
})

it('does not keep an answer that was computed while something was written', () => {
  const cache = filled()
  const { generation } = cache
  cache.invalidate()
  cache.set('q', 'old', { generation, startedAt: performance.now(), bytes: 10, msMax: forever })
  expect(cache.get('q')).toBeUndefined()
})

it('trusts an answer for less than five seconds, whatever notifications say', () => {
  expect(lifetime(filled())).toBeGreaterThan(1_000)
  expect(lifetime(filled())).toBeLessThanOrEqual(5_000)
})

it('trusts it for two seconds while notifications do not arrive', () => {
  const cache = filled()
  cache.setNotified(false)
  expect(lifetime(cache)).toBe(2_000)
})

it('forgets all when notifications arrive again', () => {
  const cache = filled()
  cache.setNotified(false)
  cache.setNotified(true)
  expect(cache.get('q')).toBeUndefined()
})

it('counts from when the computing began', () => {
  const cache = new AnswerCache<string>()
  const startedAt = performance.now()
  vi.advanceTimersByTime(1_500)
  cache.set('q', 'a', { generation: cache.generation, startedAt, bytes: 10, msMax: forever })
  expect(lifetime(cache)).toBe(500)
})

it('keeps an answer no longer than it stays right', () => {
  expect(lifetime(filled(300))).toBe(300)
  expect(lifetime(filled(-5))).toBe(0)
})

it('is bounded in bytes', () => {
  const cache = new AnswerCache<number>()
  const megabyte = 1024 * 1024
  for (let at = 0; at < 200; at += 1) {
    cache.set(`q${at}`, at, { generation: 0, startedAt: performance.now(), bytes: megabyte, msMax: forever })
  }
  expect(cache.stats().entries).toBeGreaterThan(32)
  expect(cache.stats().bytes).toBeLessThanOrEqual(64 * megabyte)
  expect(cache.get('q199')).toBe(199)
  expect(cache.get('q0')).toBeUndefined()
})
