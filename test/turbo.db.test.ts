import { afterEach, beforeEach, expect, it } from 'vitest'
import { createLog } from '../src/base/log.ts'
import { loadConfig } from '../src/config.ts'
import { createTurbo, type Turbo } from '../src/turbo.ts'
import { engine, type TestPlace, testPlace } from './harness/database.ts'
import { type FakeEmbedder, fakeEmbedder } from './harness/embedder.ts'
import { eventually, refusal } from './harness/knowledge.ts'

let place: TestPlace
let turbo: Turbo
let embedder: FakeEmbedder

const open = (own: FakeEmbedder) => {
  const env = { DATABASE_URL: place.config.url, AGENT_TURBO_DATA: place.config.dataDir }
  return createTurbo(loadConfig({ env }), { log: createLog({ level: 'silent' }), embedder: own })
}

beforeEach(async () => {
  place = await testPlace('migrated')
  embedder = fakeEmbedder()
  turbo = await open(embedder)
})

afterEach(async () => {
  await turbo.stop()
  await place.drop()
})

const becomes = (wanted: object) => eventually(async () => expect(await turbo.health()).toMatchObject(wanted))

it('says how it is: well, worse than it could be, away', async () => {
  expect(await turbo.health()).toMatchObject({
    status: 'degraded',
    engine,
    embedder: { detail: 'starting' },
    backlog: 0,
  })
  await turbo.start()
  await turbo.knowledge.add({ content: 'a fact' })
  await becomes({ status: 'ok', database: { reachable: true }, embedder: { name: 'bag-of-words', reachable: true } })
  embedder.down()
  await turbo.knowledge.add({ content: 'another fact' })
  await becomes({ status: 'degraded', embedder: { reachable: false }, backlog: 1 })
  embedder.up()
  await becomes({ status: 'ok', backlog: 0 })
  await turbo.store.stop()
  await becomes({ status: 'unavailable', database: { reachable: false, detail: expect.any(String) } })
})

it('starts once and stops once, in whatever order it is asked', async () => {
  await Promise.all([turbo.start(), turbo.start()])
  const { id } = await turbo.knowledge.add({ content: 'kept over a restart' })
  await Promise.all([turbo.stop(), turbo.stop()])
  expect(await refusal(turbo.knowledge.get(id))).toMatchObject({ code: 'unavailable' })
  turbo = await open(fakeEmbedder())
  expect((await turbo.knowledge.get(id)).content).toBe('kept over a restart')
})

it('stops without having been started', async () => {
  await turbo.stop()
  expect(await refusal(turbo.knowledge.stats())).toMatchObject({ code: 'unavailable' })
})
