import { describe, expect, it } from 'vitest'
import { batching } from '../../src/base/batcher.ts'
import { TurboError } from '../../src/base/errors.ts'

/** Work whose calls wait until they are let go. */
function heldWork() {
  const calls: { items: number[]; go: () => void; fail: (error: Error) => void }[] = []
  const work = (items: number[]) =>
    new Promise<number[]>((resolve, reject) => {
      calls.push({ items, go: () => resolve(items.map((item) => item * 10)), fail: reject })
    })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return { calls, work, turn }
}

describe('batching', () => {
  it('takes together what comes in one turn or while it works, so many at most', async () => {
    const { calls, work, turn } = heldWork()
    const ask = batching(work, 3)
    const answers = [1, 2].map(ask)
    await turn()
    answers.push(...[3, 4, 5, 6].map(ask))
    expect(calls.map(({ items }) => items)).toEqual([[1, 2]])
    calls[0]?.go()
    await turn()
    expect(calls.map(({ items }) => items)).toEqual([
      [1, 2],
      [3, 4, 5],
    ])
    calls[1]?.go()
    await turn()
    calls[2]?.go()
    expect(await Promise.all(answers)).toEqual([10, 20, 30, 40, 50, 60])
    const later = ask(6)
    await turn()
    expect(calls.at(-1)?.items).toEqual([6])
    calls.at(-1)?.go()
    expect(await later).toBe(60)
  })

  it('lets none fail for the fault of another', async () => {
    const ask = batching(async (items: number[]) => {
      if (items.includes(3)) throw new Error('three')
      return items
    }, 10)
    const answers = await Promise.allSettled([1, 2, 3, 4].map(ask))
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(await ask(5)).toBe(5)
  })

  it('asks nobody again when the store did not answer, and lets no more wait than it names', async () => {
    let calls = 0
    const ask = batching(async (items: number[]): Promise<number[]> => {
      calls += 1
      throw new TurboError('timeout', `no answer for ${items.length}`)
    }, 10)
    const answers = await Promise.allSettled([1, 2, 3].map(ask))
    expect(answers.every(({ status }) => status === 'rejected')).toBe(true)
    expect(calls).toBe(1)
    const full = batching(heldWork().work, 1)
    for (let index = 0; index < 1_000; index += 1) void full(index)
    await expect(full(1_000)).rejects.toMatchObject({ code: 'unavailable' })
  })
})
