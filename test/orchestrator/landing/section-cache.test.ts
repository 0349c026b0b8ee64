import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Reading, SectionCache, type Source } from '../../../src/orchestrator/landing/section-cache.ts'
import type { Topic } from '../../../src/orchestrator/landing/types.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

/** A source whose readings the test answers one by one. */
function source(topics: Topic[] = ['tasks'], validMs?: number) {
  const waiting: ((reading: Reading<unknown> | Error) => void)[] = []
  const read = vi.fn(
    () =>
      new Promise<Reading<unknown>>((resolve, reject) => {
        waiting.push((reading) => (reading instanceof Error ? reject(reading) : resolve(reading)))
      }),
  )
  const answer = (value: unknown) => waiting.shift()?.(value instanceof Error ? value : { value, validMs })
  return { key: topics.join(), topics, read, answer } satisfies Source<unknown> & { answer: (value: unknown) => void }
}

async function known(cache: SectionCache, value: unknown, given = source()) {
  const reading = cache.read(given)
  given.answer(value)
  await reading
  return given
}

test('a part that is known is there at once', async () => {
  const cache = new SectionCache()
  const given = await known(cache, ['x'])
  expect(cache.read(given)).toMatchObject({ value: ['x'], error: null })
  expect(given.read).toHaveBeenCalledTimes(1)
})

test('a write makes the parts of its topic be read again, and no others', async () => {
  const cache = new SectionCache()
  const tasks = await known(cache, 1)
  const nodes = await known(cache, 2, source(['nodes']))
  cache.invalidate(['tasks'])
  expect(cache.read(tasks)).toBeInstanceOf(Promise)
  expect(cache.read(nodes)).toMatchObject({ value: 2 })
})

test('who asks at a time shares one reading', async () => {
  const cache = new SectionCache()
  const given = source()
  const readings = [cache.read(given), cache.read(given), cache.read(given)]
  given.answer('x')
  expect(await Promise.all(readings)).toMatchObject([{ value: 'x' }, { value: 'x' }, { value: 'x' }])
  expect(given.read).toHaveBeenCalledTimes(1)
})

test('who asks after a write gets a reading that began after it, and shares that one too', async () => {
  const cache = new SectionCache()
  const given = source()
  const before = cache.read(given)
  cache.invalidate(['tasks'])
  const after = [cache.read(given), cache.read(given)]
  given.answer('old')
  expect(await before).toMatchObject({ value: 'old' })
  await vi.waitFor(() => expect(given.read).toHaveBeenCalledTimes(2))
  given.answer('new')
  expect(await Promise.all(after)).toMatchObject([{ value: 'new' }, { value: 'new' }])
  expect(given.read).toHaveBeenCalledTimes(2)
})

test('a reading that began before a write does not count after it', async () => {
  const cache = new SectionCache()
  const given = source()
  const before = cache.read(given)
  cache.invalidate(['tasks'])
  given.answer('old')
  await before
  expect(cache.read(given)).toBeInstanceOf(Promise)
})

test('writes that never stop keep nobody waiting for more than two readings', async () => {
  const cache = new SectionCache()
  const given = source()
  cache.read(given)
  cache.invalidate(['tasks'])
  const asked = cache.read(given)
  cache.invalidate(['tasks'])
  given.answer(1)
  await vi.waitFor(() => expect(given.read).toHaveBeenCalledTimes(2))
  cache.invalidate(['tasks'])
  given.answer(2)
  expect(await asked).toMatchObject({ value: 2 })
})

test('what is asked for fresh is read anew', async () => {
  const cache = new SectionCache()
  const given = await known(cache, 1)
  vi.advanceTimersByTime(1)
  expect(cache.read(given, performance.now())).toBeInstanceOf(Promise)
})

test.each([
  ['4.5 s while notifications arrive', true, undefined, 4_500],
  ['2 s while they do not', false, undefined, 2_000],
  ['as long as it says', true, 700, 700],
])('a part is trusted for %s', async (_title, notified, validMs, trustedMs) => {
  const cache = new SectionCache()
  cache.setNotified(notified)
  const given = await known(cache, 1, source(['limits' as Topic], validMs))
  vi.advanceTimersByTime(trustedMs - 1)
  expect(cache.read(given)).toMatchObject({ value: 1 })
  vi.advanceTimersByTime(1)
  expect(cache.read(given)).toBeInstanceOf(Promise)
})

test('a part that grows old is read again behind the answer', async () => {
  const cache = new SectionCache()
  cache.setNotified(true)
  const given = await known(cache, 'x')
  vi.advanceTimersByTime(3_000)
  expect(cache.read(given)).toMatchObject({ value: 'x' })
  expect(given.read).toHaveBeenCalledTimes(2)
  given.answer('x')
  vi.advanceTimersByTime(2_000)
  await vi.waitFor(() => expect(cache.read(given)).toMatchObject({ value: 'x' }))
})

test('what is read again and says the same is the same object', async () => {
  const cache = new SectionCache()
  const given = await known(cache, ['x'])
  const first = cache.read(given)
  cache.invalidate(['tasks'])
  const second = cache.read(given)
  given.answer(['x'])
  expect((await second).value).toBe((await first).value)
})

test('a failure is told and soon tried again', async () => {
  const cache = new SectionCache()
  cache.setNotified(true)
  const failure = new Error('no such table')
  const given = await known(cache, failure)
  expect(cache.read(given)).toMatchObject({ value: null, error: failure })
  vi.advanceTimersByTime(1_000)
  expect(cache.read(given)).toBeInstanceOf(Promise)
})

test('notifications that come back may have missed anything', async () => {
  const cache = new SectionCache()
  cache.setNotified(true)
  const given = await known(cache, 1)
  cache.setNotified(false)
  expect(cache.read(given)).toMatchObject({ value: 1 })
  cache.setNotified(true)
  expect(cache.read(given)).toBeInstanceOf(Promise)
})
