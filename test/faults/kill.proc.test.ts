import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { startPrivateServer } from '../../scripts/test-postgres.ts'
import { embeddedPlace, postgresPlace, type TestPlace } from '../harness/database.ts'
import { type StandIn, startStandIn } from '../knowledge/embedders/stand-ins.ts'
import { Load } from './load.ts'
import { call, startService } from './service.ts'
import { expectNothingLostOrTwice } from './store-checks.ts'

const KILLS = 20
const CRASHES = 5
const CONNECTIONS = 6
const FAULTS_MS_MAX = 600_000

let embedder: StandIn
beforeAll(async () => {
  embedder = await startStandIn('tei')
})
afterAll(() => embedder.stop())

/** How many answers a round lets through before the kill: another moment each time. */
const answersBefore = (round: number) => 8 + ((round * 13) % 29)

const places: [string, () => Promise<TestPlace>][] = [
  ['embedded', () => embeddedPlace('migrated')],
  ['postgres', () => postgresPlace(inject('serverUrl'), inject('template'))],
]

describe.each(places)('a server over the %s store, killed while it writes', (_engine, makePlace) => {
  let place: TestPlace
  beforeEach(async () => {
    place = await makePlace()
  })
  afterEach(() => place.drop())

  it(
    `opens the store again each of ${KILLS} times and has lost and doubled nothing`,
    async () => {
      const load = new Load()
      for (let round = 1; round <= KILLS; round++) {
        const service = await startService(place.config, embedder.url)
        const { body } = await call<{ current: number }>(service.url, '/v1/stats')
        expect(body.current).toBeGreaterThanOrEqual(load.acknowledged.size)
        const killAt = load.answers.length + answersBefore(round)
        let killed: Promise<void> | undefined
        await load.run(service.url, CONNECTIONS, () => {
          if (load.answers.length >= killAt) killed ??= service.kill()
        })
        await killed
      }
      expect(load.answers.filter(({ status }) => status >= 300)).toEqual([])
      // Each connection of each round was cut off in the middle of a request.
      expect(load.lost).toBe(KILLS * CONNECTIONS)
      await expectNothingLostOrTwice(place.config, load)
    },
    FAULTS_MS_MAX,
  )
})

it(
  'a database server that crashes under writes loses and doubles nothing',
  async () => {
    const database = await startPrivateServer()
    try {
      const place = { url: database.url() }
      const service = await startService(place, embedder.url)
      const load = new Load()
      let reached: (() => void) | undefined
      let wanted = 0
      const acknowledged = (more: number) =>
        new Promise<void>((resolve) => {
          wanted = load.acknowledged.size + more
          reached = resolve
        })
      const running = load.run(service.url, CONNECTIONS, () => {
        if (load.acknowledged.size >= wanted) reached?.()
      })
      for (let crash = 1; crash <= CRASHES; crash++) {
        await acknowledged(answersBefore(crash))
        await database.restart('immediate')
      }
      await acknowledged(1)
      load.stop()
      await running
      expect(load.lost).toBe(0)
      expect(load.answers.filter(({ status }) => status >= 300 && status !== 503)).toEqual([])
      await service.stop()
      await expectNothingLostOrTwice(place, load)
    } finally {
      await database.remove()
    }
  },
  FAULTS_MS_MAX,
)
