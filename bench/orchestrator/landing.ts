import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { sql } from 'drizzle-orm'
import { createLog } from '../../src/base/log.ts'
import { loadConfig } from '../../src/config.ts'
import { createTurbo, type Turbo } from '../../src/turbo.ts'
import { fakeEmbedder } from '../../test/harness/embedder.ts'
import { queryText } from '../corpus.ts'
import { type Checks, milliseconds, printHeader, summary } from '../report.ts'
import { startBenchServer } from '../server.ts'
import { fill, PROJECTS } from './landing-data.ts'
import type { Part } from './part.ts'

const FRESH = 400
const CACHED = 20_000
const REQUESTS = 3_000
/** The first requests say more of the compiler than of the server. */
const WARM_UP = 500
const CREATIONS = 1_000
const CONCURRENCY = 10
/** As the bar says; a write that takes longer to be seen is a miss. */
const SEEN_MS_MAX = 100

function open(databaseUrl: string): Promise<Turbo> {
  return createTurbo(loadConfig({ env: { DATABASE_URL: databaseUrl } }), {
    log: createLog({ level: 'warn' }),
    embedder: fakeEmbedder(),
  })
}

async function timed(count: number, work: (index: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now()
    await work(index)
    times.push(performance.now() - startedAt)
  }
  return times
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })

function get(url: string, headers: Record<string, string>): Promise<{ status: number; etag: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, headers }, (response) => {
      response.resume()
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, etag: String(response.headers.etag ?? '') }),
      )
    })
    sent.once('error', reject)
    sent.end()
  })
}

/** Milliseconds from the answer to a write in one process until another process's landing context says it. */
async function seenAfter(a: Turbo, b: Turbo, trial: number): Promise<number> {
  const role = `role-${trial}`
  await b.orchestrator.landing.landingContext({})
  await a.orchestrator.nodes.putNode({ name: 'node-1', role })
  const writtenAt = performance.now()
  while (!JSON.stringify(await b.orchestrator.landing.landingContext({})).includes(`"${role}"`)) {
    if (performance.now() - writtenAt > 10_000) throw new Error('a write was not seen within 10 s')
    await new Promise((resolve) => setImmediate(resolve))
  }
  return performance.now() - writtenAt
}

/** Sessions that begin, by a plain insert: with their landing contexts, or without for what the inserts alone take. */
async function creationsPerSecond(turbo: Turbo, lands: boolean): Promise<number> {
  const { landing } = turbo.orchestrator
  const run = randomUUID()
  let next = 0
  const startedAt = performance.now()
  const create = async () => {
    while (next < CREATIONS) {
      const index = next++
      const context = lands ? (await landing.land({ role: 'planner' })).context : {}
      await turbo.store.query(sql`
        insert into agent_sessions (session_id, agent_platform, agent_role, landing_context)
        values (${`bench_${run}_${index}`}, 'codex', 'planner', ${JSON.stringify(context)}::jsonb)`)
      if (lands) landing.changed(['sessions'])
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, create))
  return CREATIONS / ((performance.now() - startedAt) / 1000)
}

/** Landing contexts of a large store: fresh, cached, over HTTP, and as another process's writes change them. */
export const landingPart: Part = {
  name: 'landing',
  sizes: { actions: 1_000_000, tasks: 100_000, items: 100_000, sessions: 500, trials: 1_000 },
  run,
}

async function run(databaseUrl: string, given: Part['sizes'], checks: Checks): Promise<void> {
  const { actions = 0, tasks = 0, items = 0, sessions = 0, trials = 0 } = given
  printHeader(
    'Landing context',
    `${actions} actions, ${tasks} tasks, ${items} items of knowledge, ${sessions} sessions, ${PROJECTS} projects`,
  )
  const turbo = await open(databaseUrl)
  const filledAt = performance.now()
  await fill(databaseUrl, { actions, tasks, items, sessions })
  console.log(`filled      in ${((performance.now() - filledAt) / 1000).toFixed(1)} s`)
  await turbo.start()
  const { landing } = turbo.orchestrator
  const asked = (index: number) => ({
    project: `p${index % PROJECTS}`,
    role: 'executor',
    goal: queryText(index, items),
  })
  const reference = summary(await timed(FRESH, () => turbo.store.query(sql`select 1`)))
  console.log(`reference   ${milliseconds(reference)}  (select 1, one round trip on this machine as it is now)`)
  await timed(50, (index) => landing.landingContext({ ...asked(index), fresh: true }))
  const fresh = summary(await timed(FRESH, (index) => landing.landingContext({ ...asked(100 + index), fresh: true })))
  console.log(`fresh       ${milliseconds(fresh)}  (every goal for the first time)`)
  const everywhere = summary(await timed(FRESH, () => landing.landingContext({ fresh: true })))
  console.log(`fresh       ${milliseconds(everywhere)}  (of the whole store)`)
  const cached = summary(await timed(CACHED, () => landing.landingContext(asked(0))))
  console.log(`cached      ${milliseconds(cached)}  (in process)`)

  const server = await startBenchServer({ databaseUrl, embedder: fakeEmbedder() })
  const path = `${server.url}/v1/landing-context?project=p1&role=executor`
  const { etag } = await get(path, {})
  await timed(WARM_UP, () => get(path, {}))
  const http = summary(await timed(REQUESTS, () => get(path, {})))
  console.log(`HTTP        ${milliseconds(http)}  (cached)`)
  const unchanged: number[] = []
  const notModified = summary(
    await timed(REQUESTS, async () => {
      unchanged.push((await get(path, { 'if-none-match': etag })).status)
    }),
  )
  console.log(`HTTP 304    ${milliseconds(notModified)}`)
  const wrong = unchanged.filter((status) => status !== 304).length

  const seen: number[] = []
  for (let trial = 0; trial < trials; trial++) seen.push(await seenAfter(turbo, server.turbo, trial))
  console.log(`seen        ${milliseconds(summary(seen))}  (a write of A in B's context, ${trials} trials)`)
  const inserts = await creationsPerSecond(turbo, false)
  const rate = await creationsPerSecond(turbo, true)
  console.log(
    `creations   ${rate.toFixed(0)} /s at concurrency ${CONCURRENCY} (landing context and insert; ${inserts.toFixed(0)} /s without)`,
  )

  checks.atMost('fresh p50', fresh.p50, 20, 'ms')
  checks.atMost('fresh p99', fresh.p99, 60, 'ms')
  checks.atMost('cached in process p99', cached.p99, 1, 'ms')
  checks.atMost('cached over HTTP p99', http.p99, 4, 'ms')
  checks.atMost('304 p99', notModified.p99, 3, 'ms')
  checks.atMost('answers to a known ETag other than 304', wrong, 0, '')
  checks.atMost('slowest write of another process', summary(seen).max, SEEN_MS_MAX, 'ms')
  agent.destroy()
  await server.stop()
  await turbo.stop()
}
