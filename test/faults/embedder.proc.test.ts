import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { embeddedPlace, postgresPlace, type TestPlace } from '../harness/database.ts'
import { type StandIn, startStandIn } from '../knowledge/embedders/stand-ins.ts'
import { Load, type LoadAnswer } from './load.ts'
import { call, type Service, startService } from './service.ts'
import { expectNothingLostOrTwice } from './store-checks.ts'

const CONNECTIONS = 4
const OUTAGES = 3
/** Answers of each kind that an outage, or the time after it, has to show. */
const ANSWERS_MIN = 10
const BACKLOG_MS_MAX = 30_000
const TEST_MS_MAX = 180_000

let embedder: StandIn
beforeAll(async () => {
  embedder = await startStandIn('tei')
})
afterAll(() => embedder.stop())

interface Hits {
  results: { content: string; similarity: number | null }[]
  degraded?: string[]
}

const places: [string, () => Promise<TestPlace>][] = [
  ['embedded', () => embeddedPlace('migrated')],
  ['postgres', () => postgresPlace(inject('serverUrl'), inject('template'))],
]

describe.each(places)('over the %s store', (_engine, makePlace) => {
  let place: TestPlace
  beforeEach(async () => {
    place = await makePlace()
    await embedder.start()
    embedder.recover()
  })
  afterEach(() => place.drop())

  it(
    'an embedder that goes away and comes back loses no add, and answers say what they lack meanwhile',
    async () => {
      const service = await startService(place.config, embedder.url)
      await expectWhole(service)
      const load = new Load(['add', 'query'])
      const running = load.run(service.url, CONNECTIONS)
      const markers: string[] = []
      for (let outage = 1; outage <= OUTAGES; outage++) {
        await embedder.stop()
        await until(load, ({ embedding }) => embedding === 'pending')
        await until(load, ({ degraded }) => degraded?.includes('embedder_unavailable') ?? false)
        const marker = `the heron of outage ${outage}`
        markers.push(marker)
        const added = await call<{ embedding: string }>(service.url, '/v1/knowledge', { content: marker })
        expect(added).toMatchObject({ status: 201, body: { embedding: 'pending' } })
        expect((await ask(service, marker)).results[0]).toMatchObject({ content: marker, similarity: null })
        await vi.waitFor(async () => {
          const { body } = await call<{ status: string; backlog: number }>(service.url, '/health')
          expect(body).toMatchObject({ status: 'degraded', embedder: { reachable: false } })
          expect(body.backlog).toBeGreaterThan(0)
        }, BACKLOG_MS_MAX)

        await embedder.start()
        await until(load, ({ embedding }) => embedding === 'ready')
        await until(load, ({ kind, degraded }) => kind === 'query' && degraded === undefined)
      }
      load.stop()
      await running
      await expectCaughtUp(service)
      for (const marker of markers) {
        const [first] = (await ask(service, marker)).results
        expect(first).toMatchObject({ content: marker, similarity: expect.any(Number) })
      }
      expect(load.lost).toBe(0)
      expect(load.answers.filter(({ status }) => status >= 300)).toEqual([])
      await service.stop()
      await expectNothingLostOrTwice(place.config, load)
    },
    TEST_MS_MAX,
  )

  it(
    'an embedder that takes requests and never answers holds up nobody for longer than its time limit',
    async () => {
      const service = await startService(place.config, embedder.url)
      await expectWhole(service)
      embedder.fail({ kind: 'hang' })
      const load = new Load(['add', 'query'])
      const running = load.run(service.url, CONNECTIONS)
      await until(load, ({ embedding }) => embedding === 'pending', CONNECTIONS)
      await until(load, ({ degraded }) => degraded?.includes('embedder_unavailable') ?? false, CONNECTIONS)
      // Whoever finds it hanging restarts it.
      await embedder.stop()
      embedder.recover()
      await embedder.start()
      load.stop()
      await running
      await expectCaughtUp(service)
      expect(load.answers.filter(({ status }) => status >= 300)).toEqual([])
      await service.stop()
      await expectNothingLostOrTwice(place.config, load)
    },
    TEST_MS_MAX,
  )
})

/** Waits until answers lack nothing. */
async function expectWhole(service: Service): Promise<void> {
  await vi.waitFor(async () => expect(await ask(service, 'anything')).not.toHaveProperty('degraded'), BACKLOG_MS_MAX)
}

async function ask(service: Service, query: string): Promise<Hits> {
  return (await call<Hits>(service.url, '/v1/knowledge/query', { query })).body
}

/** Waits for some more answers of a kind. */
async function until(load: Load, matches: (answer: LoadAnswer) => boolean, min = ANSWERS_MIN): Promise<void> {
  const from = load.answers.length
  await vi.waitFor(() => expect(load.answers.slice(from).filter(matches).length).toBeGreaterThanOrEqual(min), {
    timeout: 60_000,
    interval: 20,
  })
}

async function expectCaughtUp(service: Service): Promise<void> {
  await vi.waitFor(
    async () => expect((await call(service.url, '/v1/embeddings')).body).toMatchObject({ backlog: 0 }),
    BACKLOG_MS_MAX,
  )
  const { body } = await call<{ chunks: number; space: { vectors: number } }>(service.url, '/v1/stats')
  expect(body.space.vectors).toBe(body.chunks)
}
