import { describe, expect, it } from 'vitest'
import { CALLS_MAX, createLanes } from '../../../src/knowledge/embedders/lanes.ts'

/** Work that records when it begins and ends when told. */
function controlled() {
  const begun: string[] = []
  const ends: (() => void)[] = []
  const work = (piece: string) =>
    new Promise<string>((resolve) => {
      begun.push(piece)
      ends.push(() => resolve(piece.toUpperCase()))
    })
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  const endNext = () => {
    ends.shift()?.()
    return settle()
  }
  return { begun, work, settle, endNext }
}

describe('lanes', () => {
  it('let a query overtake waiting documents, one piece at most ahead of it', async () => {
    const lanes = createLanes('test', 1)
    const { begun, work, settle, endNext } = controlled()
    const documents = lanes.run(['d1', 'd2', 'd3'], 'document', undefined, work)
    const others = lanes.run(['e1', 'e2'], 'document', undefined, work)
    const query = lanes.run(['q'], 'query', undefined, work)
    await settle()
    for (let piece = 0; piece < 6; piece++) await endNext()
    expect(begun).toEqual(['d1', 'q', 'e1', 'd2', 'e2', 'd3'])
    expect(await query).toEqual(['Q'])
    expect(await documents).toEqual(['D1', 'D2', 'D3'])
    expect(await others).toEqual(['E1', 'E2'])
  })

  it('run no more at once than they are wide', async () => {
    const lanes = createLanes('test', { query: 1, document: 2 })
    const { begun, work, settle, endNext } = controlled()
    const documents = lanes.run(['a', 'b', 'c'], 'document', undefined, work)
    const query = lanes.run(['q'], 'query', undefined, work)
    await settle()
    expect(begun).toEqual(['a', 'b', 'q'])
    for (let piece = 0; piece < 4; piece++) await endNext()
    expect(await documents).toEqual(['A', 'B', 'C'])
    expect(await query).toEqual(['Q'])
  })

  it('end a call at its first failure and begin no further piece', async () => {
    const lanes = createLanes('test', 1)
    const begun: number[] = []
    const work = async (piece: number) => {
      begun.push(piece)
      if (piece === 2) throw new Error('no')
    }
    await expect(lanes.run([1, 2, 3], 'document', undefined, work)).rejects.toThrow('no')
    expect(begun).toEqual([1, 2])
  })

  it('answer an abort at once but keep the worker taken until it is free', async () => {
    const lanes = createLanes('test', 1)
    const { begun, work, settle, endNext } = controlled()
    const abort = new AbortController()
    const dropped = lanes.run(['a', 'b'], 'document', abort.signal, work)
    await settle()
    abort.abort(new Error('enough'))
    await expect(dropped).rejects.toThrow('enough')
    const next = lanes.run(['c'], 'query', undefined, work)
    await settle()
    expect(begun).toEqual(['a'])
    await endNext()
    expect(begun).toEqual(['a', 'c'])
    await endNext()
    expect(await next).toEqual(['C'])
  })

  it('refuse calls beyond the bound, also when those before were aborted', async () => {
    const lanes = createLanes('test', 1)
    const { work, settle, endNext } = controlled()
    const abort = new AbortController()
    const first = lanes.run(['a'], 'document', undefined, work)
    const calls = Array.from({ length: CALLS_MAX - 1 }, () => lanes.run(['b'], 'document', abort.signal, work))
    const refused = Promise.allSettled(calls)
    abort.abort(new Error('enough'))
    expect((await refused).every(({ status }) => status === 'rejected')).toBe(true)
    await expect(lanes.run(['c'], 'query', undefined, work)).rejects.toMatchObject({ code: 'embedder_unavailable' })
    await endNext()
    await first
    await settle()
    const next = lanes.run(['c'], 'query', undefined, work)
    await settle()
    await endNext()
    expect(await next).toEqual(['C'])
  })
})
