import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { askAll, countWithin, explainMiss, ingestPages, type Question, readPages } from '../../bench/postgresql-docs.ts'
import { type BenchServer, post, startBenchServer, untilEmbedded } from '../../bench/server.ts'
import { createEmbedder, type Embedder } from '../../src/knowledge/embedders/index.ts'
import { postgresPlace } from '../harness/database.ts'

/** As on all pages, which `npm run bench:documents` asks. */
const SHARE_MIN = 0.8
/** One page in so many beside those that answer: all of them take the embedder a quarter of an hour. */
const PAGES_STEP = 6
/** Questions that use the words of the page; the others say it differently. */
const SAME_WORDS = 17
const MINUTE_MS = 60_000

const questions = JSON.parse(readFileSync(new URL('questions.json', import.meta.url), 'utf8')) as Question[]
const real = createEmbedder({ kind: 'builtin' })
const recorded = new Map<string, Float32Array>()
let computed = 0

/** The built-in embedder, which computes a text once in the whole file; it outlives the servers that stop it. */
const embedder: Embedder = {
  name: real.name,
  get traits() {
    return real.traits
  },
  space: () => real.space(),
  health: () => real.health(),
  async embed(texts, kind, signal) {
    const keyOf = (text: string) => `${kind} ${text}`
    const fresh = [...new Set(texts)].filter((text) => !recorded.has(keyOf(text)))
    const vectors = await real.embed(fresh, kind, signal)
    for (const [index, text] of fresh.entries()) recorded.set(keyOf(text), vectors[index] ?? new Float32Array())
    computed += fresh.length
    return texts.map((text) => (recorded.get(keyOf(text)) ?? new Float32Array()).slice())
  },
  stop: async () => undefined,
}

afterAll(() => real.stop())

function report(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function ingestAll(server: BenchServer): Promise<void> {
  const answering = new Set(questions.flatMap((question) => question.pages))
  const pages = readPages().filter(({ path }, index) => index % PAGES_STEP === 0 || answering.has(path))
  const startedAt = performance.now()
  const ingested = await ingestPages(server.url, pages)
  const storedAt = performance.now()
  await untilEmbedded(server.url, () => undefined)
  const chunks = ingested.reduce((sum, document) => sum + document.chunks, 0)
  const seconds = (from: number, to: number) => `${((to - from) / 1000).toFixed(0)} s`
  report(
    `${pages.length} pages, ${chunks} chunks: stored in ${seconds(startedAt, storedAt)}, embedded ${seconds(storedAt, performance.now())} later (${computed} texts computed so far)`,
  )
  expect(ingested.filter(({ status }) => status !== 'created')).toEqual([])
}

async function expectAnswers(server: BenchServer): Promise<void> {
  const asked = await askAll(server.url, questions)
  for (const miss of asked.filter(({ rank }) => rank === null)) report(await explainMiss(server.url, miss))
  const [same, other] = [asked.slice(0, SAME_WORDS), asked.slice(SAME_WORDS)]
  report(
    `in the top five: ${countWithin(asked, 5)} of ${asked.length} (same words ${countWithin(same, 5)} of ${same.length}, other words ${countWithin(other, 5)} of ${other.length}); first: ${countWithin(asked, 1)}`,
  )
  expect(countWithin(asked, 5) / asked.length).toBeGreaterThanOrEqual(SHARE_MIN)
}

describe('the pages of the PostgreSQL manual', () => {
  let embedded: BenchServer
  beforeAll(async () => {
    embedded = await startBenchServer({ embedder })
    await ingestAll(embedded)
  }, 40 * MINUTE_MS)
  afterAll(() => embedded.stop())

  it('answer questions in a user’s words, in the embedded store', () => expectAnswers(embedded), MINUTE_MS)

  it(
    'answer them on a PostgreSQL server as well, with the same vectors',
    async () => {
      const place = await postgresPlace(inject('serverUrl'), inject('template'))
      const server = await startBenchServer({ databaseUrl: place.config.url, embedder })
      try {
        const before = computed
        await ingestAll(server)
        await expectAnswers(server)
        expect(computed).toBe(before)
      } finally {
        await server.stop()
        await place.drop()
      }
    },
    5 * MINUTE_MS,
  )
})

describe('three sentences', () => {
  let server: BenchServer
  beforeAll(async () => {
    server = await startBenchServer({ embedder })
  })
  afterEach(() => server.stop())

  it('are ranked by meaning', async () => {
    const sentences = [
      'PostgreSQL is a powerful database',
      'Python is a programming language',
      'MLX provides GPU acceleration',
    ]
    await post(server.url, '/v1/knowledge/batch', { items: sentences.map((content) => ({ content })) })
    // On a busy machine the model may take longer to load than an add waits for it.
    await untilEmbedded(server.url, () => undefined)
    const { results } = await post<{ results: { content: string; similarity: number | null }[] }>(
      server.url,
      '/v1/knowledge/query',
      { query: 'database' },
    )
    expect(results[0]).toMatchObject({ content: sentences[0], similarity: expect.any(Number) })
  })
})
