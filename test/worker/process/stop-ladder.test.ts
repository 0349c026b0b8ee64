import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createStopLadder } from '../../../src/worker/process/stop-ladder.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

function start() {
  const sent: string[] = []
  const from = performance.now()
  return { ladder: createStopLadder((signal) => sent.push(`${signal} ${performance.now() - from}`)), sent }
}

test('asks, asks more firmly and kills within the time given', () => {
  const { ladder, sent } = start()
  ladder.stop(1_000)
  vi.advanceTimersByTime(5_000)
  expect(sent).toEqual(['SIGINT 0', 'SIGTERM 500', 'SIGKILL 1000'])
})

test('a second request may bring the end forward, and never back', () => {
  const { ladder, sent } = start()
  ladder.stop(10_000)
  vi.advanceTimersByTime(100)
  ladder.stop(400)
  ladder.stop(60_000)
  vi.advanceTimersByTime(60_000)
  expect(sent).toEqual(['SIGINT 0', 'SIGINT 100', 'SIGTERM 300', 'SIGKILL 500'])
})

test('without any time it kills at once', () => {
  const { ladder, sent } = start()
  ladder.stop(0)
  expect(sent).toEqual(['SIGKILL 0'])
})

test('what has ended is sent nothing more', () => {
  const { ladder, sent } = start()
  ladder.stop(1_000)
  vi.advanceTimersByTime(100)
  ladder.end()
  ladder.stop(0)
  vi.advanceTimersByTime(5_000)
  expect(sent).toEqual(['SIGINT 0'])
})
