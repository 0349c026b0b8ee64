import { describe, expect, test } from 'vitest'
import { Interrupted, pause, unlessInterrupted } from '../../src/cli/exit.ts'

const never = new Promise<never>(() => undefined)

describe('interrupted work', () => {
  test('ends when the signal comes, however long it would take', async () => {
    const controller = new AbortController()
    const ended = unlessInterrupted(controller.signal, never)
    controller.abort()
    await expect(ended).rejects.toBeInstanceOf(Interrupted)
    await expect(unlessInterrupted(controller.signal, never)).rejects.toBeInstanceOf(Interrupted)
  })

  test('that ends by itself gives its outcome', async () => {
    const { signal } = new AbortController()
    expect(await unlessInterrupted(signal, Promise.resolve(7))).toBe(7)
    await expect(unlessInterrupted(signal, Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  })

  test('a pause ends with the signal', async () => {
    const controller = new AbortController()
    const pausing = pause(3_600_000, controller.signal)
    controller.abort()
    await expect(pausing).rejects.toBeInstanceOf(Interrupted)
  })
})
