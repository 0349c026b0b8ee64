import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { StopMode } from '../../scripts/postgres/server.ts'
import { startPrivateServer, type TestServer } from '../../scripts/test-postgres.ts'
import { openDatabase } from '../../src/db/index.ts'
import { type StandIn, startStandIn } from '../knowledge/embedders/stand-ins.ts'
import { Load, type LoadAnswer } from './load.ts'
import { call, type Service, startService } from './service.ts'
import { expectNothingLostOrTwice } from './store-checks.ts'

const CONNECTIONS = 6
/** From the moment the database accepts connections until the service needs nobody's help. */
const RECOVERY_MS_MAX = 5_000
/** The longest any request may take while the database is away: it is answered, not hung up on. */
const ANSWER_MS_MAX = 10_000
/** Requests refused while the database is down, before it comes back. */
const REFUSED_MIN = 20
/** Requests that succeed again, in a row, before the next restart. */
const SERVED_MIN = 100
const TEST_MS_MAX = 180_000

let embedder: StandIn
let database: TestServer
beforeAll(async () => {
  embedder = await startStandIn('tei')
  database = await startPrivateServer()
})
afterAll(async () => {
  await database.remove()
  await embedder.stop()
})

interface Health {
  status: string
  database: { reachable: boolean }
}

it(
  'a restart of the database is answered with 503 and overcome without help',
  async () => {
    const place = { url: database.url() }
    const service = await startService(place, embedder.url)
    const load = new Load(['add', 'query', 'query', 'batch'])
    const running = load.run(service.url, CONNECTIONS)
    const recoveries: number[] = []
    for (const mode of ['fast', 'immediate', 'fast'] satisfies StopMode[]) recoveries.push(await restart(load, mode))
    await vi.waitFor(async () => expect((await health(service)).database.reachable).toBe(true), RECOVERY_MS_MAX)
    load.stop()
    await running
    const times = recoveries.map((ms) => `${ms.toFixed(0)} ms`).join(', ')
    process.stdout.write(
      `recovered after ${times}; ${load.answers.filter(isRefused).length} of ${load.answers.length} requests refused\n`,
    )

    expect(load.lost).toBe(0)
    expect(load.answers.filter((answer) => !isServed(answer) && !isRefused(answer))).toEqual([])
    expect(Math.max(...load.answers.map(({ startedAt, endedAt }) => endedAt - startedAt))).toBeLessThan(ANSWER_MS_MAX)
    expect(Math.max(...recoveries)).toBeLessThan(RECOVERY_MS_MAX)
    await expectNotified(service)
    await service.stop()
    await expectNothingLostOrTwice(place, load)
  },
  TEST_MS_MAX,
)

const isServed = ({ status }: LoadAnswer) => status === 200 || status === 201

const isRefused = ({ status, type, code }: LoadAnswer) =>
  status === 503 && type === 'application/problem+json' && (code === 'unavailable' || code === 'timeout')

async function health(service: Service): Promise<Health> {
  return (await call<Health>(service.url, '/health')).body
}

/** Takes the database away and back under load; milliseconds from its return to the last request it refused. */
async function restart(load: Load, mode: StopMode): Promise<number> {
  const limit = { timeout: 60_000, interval: 20 }
  const before = load.answers.length
  await database.stop(mode)
  const refused = () => load.answers.slice(before).filter(isRefused)
  await vi.waitFor(() => expect(refused().length).toBeGreaterThanOrEqual(REFUSED_MIN), limit)
  await database.start()
  const acceptedAt = performance.now()
  await vi.waitFor(() => {
    const last = load.answers.slice(-SERVED_MIN)
    expect(last[0]?.startedAt).toBeGreaterThan(acceptedAt)
    expect(last.every(isServed)).toBe(true)
  }, limit)
  const lastRefusal = Math.max(acceptedAt, ...refused().map(({ endedAt }) => endedAt))
  return lastRefusal - acceptedAt
}

/** Plain SQL changes an answer that is cached, and only a notification can tell. */
async function expectNotified(service: Service): Promise<void> {
  const query = 'the zebra crossing of the notification check'
  const { body: added } = await call<{ id: number }>(service.url, '/v1/knowledge', { content: query })
  const ask = async () =>
    (await call<{ cached: boolean; results: { id: number }[] }>(service.url, '/v1/knowledge/query', { query })).body
  await vi.waitFor(async () => expect((await ask()).cached).toBe(true), { timeout: 10_000 })
  const db = await openDatabase({ url: database.url() })
  try {
    await db.query(sql`update agent_knowledge set valid_to = now() where id = ${added.id}`)
    const changedAt = performance.now()
    await vi.waitFor(async () => expect((await ask()).results.map(({ id }) => id)).not.toContain(added.id), {
      timeout: 1_000,
      interval: 5,
    })
    process.stdout.write(`a plain UPDATE was seen after ${(performance.now() - changedAt).toFixed(0)} ms\n`)
  } finally {
    await db.stop()
  }
}
