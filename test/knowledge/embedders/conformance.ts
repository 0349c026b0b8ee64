import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import type { Embedder, EmbedKind } from '../../../src/knowledge/embedders/index.ts'

/** An embedder to be tried, with what has to be taken down after it. */
export interface Candidate {
  embedder: Embedder
  stop?(): Promise<void>
}

const KINDS: EmbedKind[] = ['query', 'document']
/** More than two batches of any server. */
const MANY = 70

/** What every embedder must do, whatever computes its vectors. */
export function describeEmbedder(name: string, make: () => Promise<Candidate>): void {
  describe(`${name} embedder`, () => {
    let candidate: Candidate
    let embedder: Embedder

    beforeAll(async () => {
      candidate = await make()
      embedder = candidate.embedder
    })

    afterAll(async () => {
      await embedder.stop()
      await candidate.stop?.()
    })

    it(`${name}: names its space, the same each time`, async () => {
      const space = await embedder.space()
      expect(space.model).not.toBe('')
      expect(space.prefixScheme).not.toBe('')
      expect(space.dimensions).toBeGreaterThanOrEqual(1)
      expect(space.dimensions).toBeLessThanOrEqual(4000)
      expect(await embedder.space()).toEqual(space)
    })

    it(`${name}: has traits a chunker and a ranker can use`, async () => {
      await embedder.space()
      expect(embedder.traits.maxTokens).toBeGreaterThanOrEqual(64)
      expect(embedder.traits.worth).toBeGreaterThan(0)
      expect(embedder.traits.worth).toBeLessThanOrEqual(1)
    })

    it.each(KINDS)(`${name}: one unit vector of the space's dimensions for each %s`, async (kind) => {
      const { dimensions } = await embedder.space()
      const vectors = await embedder.embed(['first text', 'another text', 'third'], kind)
      expect(vectors).toHaveLength(3)
      for (const vector of vectors) {
        expect(vector).toBeInstanceOf(Float32Array)
        expect(vector).toHaveLength(dimensions)
        expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
      }
    })

    it(`${name}: keeps the order of many texts, each as if it were alone`, async () => {
      const texts = Array.from({ length: MANY }, (_, index) => `text number ${index} of ${MANY}`)
      const vectors = await embedder.embed(texts, 'document')
      expect(vectors).toHaveLength(MANY)
      for (const index of [0, 31, 32, MANY - 1]) {
        const [alone] = await embedder.embed([must(texts[index], 'a text')], 'document')
        expect(cosine(must(vectors[index], 'a vector'), must(alone, 'a vector'))).toBeCloseTo(1, 4)
      }
    })

    it(`${name}: answers queries and documents asked at once`, async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => embedder.embed([`text ${index}`], index % 2 ? 'query' : 'document')),
      )
      expect(answers.map((vectors) => vectors.length)).toEqual(Array(20).fill(1))
    })

    it(`${name}: no vectors for no texts`, async () => {
      expect(await embedder.embed([], 'document')).toEqual([])
    })

    it.each(['', ' \n\t'])(`${name}: refuses blank text %j and says which`, async (blank) => {
      await expect(embedder.embed(['fine', blank], 'document')).rejects.toMatchObject({
        code: 'invalid_input',
        errors: [{ pointer: '/texts/1' }],
      })
    })

    it(`${name}: takes text of any script and length`, async () => {
      const odd = [
        '数据库',
        'emoji 🦜 and a lone \ud800 surrogate',
        'nul \0 inside',
        'é'.repeat(50_000),
        'word '.repeat(20_000),
      ]
      expect(await embedder.embed(odd, 'document')).toHaveLength(odd.length)
    })

    it(`${name}: an aborted call rejects with the signal's reason, and the next one works`, async () => {
      const reason = new Error('no longer wanted')
      await expect(embedder.embed(['text'], 'query', AbortSignal.abort(reason))).rejects.toBe(reason)

      const abort = new AbortController()
      const call = embedder.embed(Array(200).fill('a text that is waiting'), 'document', abort.signal)
      abort.abort(reason)
      await expect(call).rejects.toBe(reason)
      expect(await embedder.embed(['text'], 'query')).toHaveLength(1)
    })

    it(`${name}: is healthy`, async () => {
      expect(await embedder.health()).toEqual({ reachable: true })
    })

    it(`${name}: after stop it refuses, and stop may be repeated`, async () => {
      const { embedder: other, stop } = await make()
      await other.embed(['text'], 'query')
      const underWay = other.embed(Array(200).fill('a text that is waiting'), 'document')
      const refused = expect(underWay).rejects.toMatchObject({ code: 'embedder_unavailable' })
      await other.stop()
      await refused
      await other.stop()
      await expect(other.embed(['text'], 'query')).rejects.toMatchObject({ code: 'embedder_unavailable' })
      await stop?.()
    })
  })
}

/** Cosine of two unit vectors. */
export function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * must(b[index], 'vectors of equal length'), 0)
}
