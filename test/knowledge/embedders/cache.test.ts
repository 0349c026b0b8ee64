import { afterEach, describe, expect, it } from 'vitest'
import { type CachedEmbedder, createEmbedder, withVectorCache } from '../../../src/knowledge/embedders/index.ts'
import { type StandIn, startStandIn } from './stand-ins.ts'

let standIn: StandIn
let cached: CachedEmbedder

async function begin(bytesMax?: number): Promise<void> {
  standIn = await startStandIn('ollama')
  cached = withVectorCache(createEmbedder({ kind: 'ollama', model: 'm', url: standIn.url }), { bytesMax })
  await cached.space()
  standIn.requests.length = 0
}

afterEach(async () => {
  await cached.stop()
  await standIn.stop()
})

const asked = () => standIn.requests.map((request) => request.texts)

describe('the vector cache', () => {
  it('asks once for a text, whatever comes between', async () => {
    await begin()
    const [first] = await cached.embed(['a'], 'query')
    const again = await cached.embed(['b', 'a', 'b', 'c'], 'query')
    expect(again[1]).toEqual(first)
    expect(again[0]).toEqual(again[2])
    expect(asked()).toEqual([['a'], ['b', 'c']])
    expect(cached.cacheStats()).toMatchObject({ entries: 3, hits: 2, misses: 3 })
  })

  it('keeps queries and documents apart', async () => {
    await begin()
    await cached.embed(['a'], 'query')
    await cached.embed(['a'], 'document')
    expect(asked()).toEqual([['a'], ['a']])
  })

  it('computes a text once for calls at the same time', async () => {
    await begin()
    const calls = Array.from({ length: 50 }, () => cached.embed(['a', 'b'], 'query'))
    const answers = await Promise.all(calls)
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(asked()).toEqual([['a', 'b']])
  })

  it('hands out copies', async () => {
    await begin()
    const [first] = await cached.embed(['a'], 'query')
    const before = first?.slice()
    first?.fill(0)
    expect(await cached.embed(['a'], 'query')).toEqual([before])
  })

  it('stays within its bytes, dropping what was not used for longest', async () => {
    // Room for two vectors of 16 components.
    await begin(800)
    for (const text of ['a', 'b', 'a', 'c', 'a', 'b']) await cached.embed([text], 'query')
    expect(asked()).toEqual([['a'], ['b'], ['c'], ['b']])
    const { entries, bytes } = cached.cacheStats()
    expect(entries).toBe(2)
    expect(bytes).toBeLessThanOrEqual(800)
  })

  it('does not remember failures, and answers what it knows during an outage', async () => {
    await begin()
    const known = await cached.embed(['known'], 'query')
    standIn.fail({ kind: 'zero' })
    await expect(cached.embed(['new'], 'query')).rejects.toMatchObject({ code: 'embedder_unavailable' })
    expect(await cached.embed(['known'], 'query')).toEqual(known)
    standIn.recover()
    expect(await cached.embed(['new'], 'query')).toHaveLength(1)
  })

  it('one caller giving up does not take the vector from another', async () => {
    await begin()
    standIn.fail({ kind: 'status', status: 503, retryAfter: '0' }, 1)
    const abort = new AbortController()
    const arrived = standIn.nextRequest()
    const impatient = cached.embed(['a'], 'query', abort.signal)
    const patient = cached.embed(['a'], 'query')
    const refused = expect(impatient).rejects.toThrow('enough')
    await arrived
    abort.abort(new Error('enough'))
    await refused
    expect(await patient).toHaveLength(1)
  })

  it('when every caller has given up, the work ends and a later call begins anew', async () => {
    await begin()
    standIn.fail({ kind: 'hang' }, 1)
    const abort = new AbortController()
    const arrived = standIn.nextRequest()
    const calls = [cached.embed(['a'], 'query', abort.signal), cached.embed(['a'], 'query', abort.signal)]
    const refused = Promise.all(calls.map((call) => expect(call).rejects.toThrow('enough')))
    await arrived
    abort.abort(new Error('enough'))
    await refused
    expect(await cached.embed(['a'], 'query')).toHaveLength(1)
    expect(asked()).toEqual([['a'], ['a']])
  })
})
