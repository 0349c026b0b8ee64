import { describe, expect, it } from 'vitest'
import { Lane } from '../../src/db/lane.ts'

/** A piece of work that ends when told to. */
function held(): { work: () => Promise<void>; started: Promise<void>; end: () => void } {
  let end: () => void = () => undefined
  let start: () => void = () => undefined
  const started = new Promise<void>((resolve) => {
    start = resolve
  })
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  return {
    work: () => {
      start()
      return ended
    },
    started,
    end,
  }
}

describe('a lane', () => {
  it('runs one at a time, in the order of arrival, also after a failure', async () => {
    const lane = new Lane({ waitersMax: 10, waitMs: 1_000 })
    const order: number[] = []
    let running = 0
    const run = (n: number) =>
      lane.run(async () => {
        expect(++running).toBe(1)
        await Promise.resolve()
        running--
        order.push(n)
        if (n === 2) throw new Error('second')
      })
    const settled = await Promise.allSettled([run(1), run(2), run(3), run(4)])
    expect(order).toEqual([1, 2, 3, 4])
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  })

  it('refuses at once when too many wait', async () => {
    const lane = new Lane({ waitersMax: 2, waitMs: 1_000 })
    const first = held()
    const running = lane.run(first.work)
    const waiting = [lane.run(async () => 'a'), lane.run(async () => 'b')]
    await expect(lane.run(async () => 'c')).rejects.toMatchObject({ code: 'unavailable' })
    first.end()
    await running
    expect(await Promise.all(waiting)).toEqual(['a', 'b'])
  })

  it('lets nobody wait for ever, and never runs what has given up', async () => {
    const lane = new Lane({ waitersMax: 2, waitMs: 20 })
    const first = held()
    const running = lane.run(first.work)
    let ran = false
    const late = lane.run(async () => {
      ran = true
    })
    await expect(late).rejects.toMatchObject({ code: 'timeout' })
    first.end()
    await running
    expect(await lane.run(async () => 'free')).toBe('free')
    expect(ran).toBe(false)
  })
})
