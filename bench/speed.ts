import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { dot, itemText, queryText, vectorOf } from './corpus.ts'
import { Checks, milliseconds, printHeader, summary } from './report.ts'
import { getJson, post } from './server.ts'

/**
 * Speed of the store through the HTTP path, with vectors replayed: `npm run bench:speed [items]`.
 * With DATABASE_URL (a database made for this: what it holds is removed) on PostgreSQL, else embedded.
 */
const items = Number(process.argv[2] ?? 20_000)
const databaseUrl = process.env.DATABASE_URL || undefined
const SEQUENTIAL = 1_000
const CONCURRENT = 4_000
const QUERIES = SEQUENTIAL + CONCURRENT
const SINGLE_ADDS = 500
const BATCH = 500
const BATCH_CONNECTIONS = 2
const RECALL_QUERIES = 100
const tsx = ['--import', 'tsx']

interface LoadResult {
  seconds: number
  latenciesMs: number[]
  failures: number
}

interface Running {
  url: string
  child: ChildProcess
}

async function startServer(): Promise<Running> {
  const file = join(import.meta.dirname, 'replay-server.ts')
  const child = spawn(process.execPath, [...tsx, file, String(items), String(QUERIES)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [url] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string]
  return { url, child }
}

async function load(url: string, path: string, bodies: string[], connections: number): Promise<LoadResult> {
  const child = spawn(process.execPath, [...tsx, join(import.meta.dirname, 'load.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stdin.end(JSON.stringify({ url, path, bodies, connections }))
  await once(child, 'close')
  const result = JSON.parse(Buffer.concat(output).toString('utf8')) as LoadResult
  if (result.failures > 0) throw new Error(`${result.failures} requests to ${path} failed`)
  return result
}

const indices = (count: number, from = 0) => Array.from({ length: count }, (_, index) => index + from)
const question = (index: number) => JSON.stringify({ query: queryText(index, items) })

/** The ten nearest items by comparing all vectors here, and the share of them that the store finds. */
async function recallAt10(url: string, vectors: Float32Array[]): Promise<number> {
  let found = 0
  for (const index of indices(RECALL_QUERIES)) {
    const text = queryText(index, items)
    const target = vectorOf(text)
    const nearest = vectors
      .map((vector, item) => ({ item, similarity: dot(vector, target) }))
      .sort((a, b) => b.similarity - a.similarity)
      .slice(0, 10)
    const answer = await post<{ results: { source: { url?: string } }[] }>(url, '/v1/knowledge/query', {
      query: text,
      mode: 'vector',
      limit: 10,
    })
    const urls = new Set(answer.results.map((hit) => hit.source.url))
    found += nearest.filter(({ item }) => urls.has(`item:${item}`)).length
  }
  return found / (RECALL_QUERIES * 10)
}

/** The limit: one top-ten walk through the same graph by plain SQL on one connection, as many as fit one query each. */
async function rawWalk(url: string): Promise<number[]> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('set hnsw.ef_search = 100')
  const { rows } = await client.query(`select id from embedding_spaces where status = 'active'`)
  const times: number[] = []
  for (const index of indices(300)) {
    const vector = `[${Array.from(vectorOf(queryText(index, items)), (value) => value.toFixed(5)).join(',')}]`
    const startedAt = performance.now()
    await client.query({
      name: 'walk',
      text: `select item_id from knowledge_vectors where space_id = ${rows[0].id} and indexed
             order by embedding::halfvec(768) <=> $1::halfvec(768) limit 10`,
      values: [vector],
    })
    times.push(performance.now() - startedAt)
  }
  await client.end()
  return times
}

async function untilIndexed(url: string): Promise<number> {
  const startedAt = performance.now()
  let fresh = Number.POSITIVE_INFINITY
  const limit = databaseUrl ? 1_000 : 4_000
  for (let last = -1; fresh >= limit || fresh !== last; ) {
    last = fresh
    const { space } = await getJson<{ space: { unindexed: number } | null }>(url, '/v1/stats')
    fresh = space?.unindexed ?? 0
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  }
  return (performance.now() - startedAt) / 1000
}

async function emptied(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`drop schema public cascade; create schema public; drop schema if exists drizzle cascade`)
  await client.end()
}

printHeader(
  'Speed',
  `${items} items of 60 words, 768 dimensions, ${databaseUrl ? 'PostgreSQL' : 'embedded'}, queries of 6 words`,
)
if (databaseUrl) await emptied(databaseUrl)
const checks = new Checks()
const server = await startServer()
try {
  const { url } = server
  const bodies: string[] = []
  for (let at = 0; at < items; at += BATCH) {
    const batch = indices(Math.min(BATCH, items - at), at)
    bodies.push(JSON.stringify({ items: batch.map((i) => ({ content: itemText(i), source: { url: `item:${i}` } })) }))
  }
  const added = await load(url, '/v1/knowledge/batch', bodies, BATCH_CONNECTIONS)
  console.log(`batch add   ${items} items in ${added.seconds.toFixed(1)} s`)

  const vectors = indices(items).map((index) => vectorOf(itemText(index)))
  const recallAtOnce = await recallAt10(url, vectors)
  const indexedIn = await untilIndexed(url)
  console.log(`index       caught up ${indexedIn.toFixed(1)} s later`)
  const recall = await recallAt10(url, vectors)

  await load(url, '/v1/knowledge/query', indices(200, QUERIES).map(question), 1)
  const uncached = await load(url, '/v1/knowledge/query', indices(SEQUENTIAL).map(question), 1)
  console.log(`query       ${milliseconds(summary(uncached.latenciesMs))}  (uncached, one connection)`)
  const concurrent = await load(url, '/v1/knowledge/query', indices(CONCURRENT, SEQUENTIAL).map(question), 8)
  console.log(`query       ${milliseconds(summary(concurrent.latenciesMs))}  (uncached, eight connections)`)
  const cached = await load(
    url,
    '/v1/knowledge/query',
    indices(SEQUENTIAL).map(() => question(0)),
    1,
  )
  console.log(`query       ${milliseconds(summary(cached.latenciesMs))}  (cached)`)
  const adds = indices(SINGLE_ADDS).map((index) => JSON.stringify({ content: `single ${itemText(items + index)}` }))
  const single = await load(url, '/v1/knowledge', adds, 1)
  console.log(`add         ${milliseconds(summary(single.latenciesMs))}  (single)`)

  checks.atLeast('recall@10 at once', recallAtOnce, 0.98, '')
  checks.atLeast('recall@10 once indexed', recall, 0.98, '')
  if (databaseUrl) {
    const walk = summary(await rawWalk(databaseUrl))
    console.log(`plain walk  ${milliseconds(walk)}  (SQL through pg, the limit)`)
    console.log(
      `ratio       query p50 is ${(summary(uncached.latenciesMs).p50 / walk.p50).toFixed(2)} x the plain walk`,
    )
    checks.atLeast('batch add', items / added.seconds, 2_000, '/s')
    checks.atMost('query uncached p50', summary(uncached.latenciesMs).p50, 2, 'ms')
    checks.atMost('query uncached p99', summary(uncached.latenciesMs).p99, 10, 'ms')
    checks.atLeast('queries at 8 connections', CONCURRENT / concurrent.seconds, 900, '/s')
    checks.atMost('query cached p50', summary(cached.latenciesMs).p50, 0.6, 'ms')
    checks.atMost('single add p50', summary(single.latenciesMs).p50, 4, 'ms')
  } else {
    checks.atMost('query uncached p50', summary(uncached.latenciesMs).p50, 6, 'ms')
    checks.atMost('single add p50', summary(single.latenciesMs).p50, 25, 'ms')
  }
  process.exitCode = checks.missed === 0 ? 0 : 1
} finally {
  server.child.stdin?.end()
  await once(server.child, 'exit')
}
