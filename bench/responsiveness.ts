import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { ingestPages, readPages } from './postgresql-docs.ts'
import { Checks, milliseconds, printHeader, summary } from './report.ts'
import { post, untilEmbedded } from './server.ts'

/**
 * How the embedded server answers while it ingests and embeds: `npm run bench:responsiveness [pages]`, and how long its
 * second start takes with what was ingested.
 */
const pages = readPages(Number(process.argv[2] ?? 500))
const STARTS = 3
const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-bench-'))
const dataDir = join(folder, 'data')

interface Series {
  latenciesMs: number[]
  failures: number
}

function run(script: string, args: string[] = []): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, script), ...args], {
    env: { ...process.env, DATABASE_URL: '', AGENT_TURBO_DATA: dataDir },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

function output(child: ChildProcess): NodeJS.ReadableStream {
  return child.stdout as NodeJS.ReadableStream
}

async function busyServer(checks: Checks): Promise<void> {
  const server = run('measured-server.ts')
  const lines = createInterface({ input: output(server) })
  const [url] = (await once(lines, 'line')) as [string]
  // The model is loaded with the first question; the start is measured on its own below.
  await post(url, '/v1/knowledge/query', { query: 'warm up' })
  const probe = run('probe.ts', [url])
  const measured = text(output(probe))
  const startedAt = performance.now()
  await ingestPages(url, pages)
  const storedAt = performance.now()
  await untilEmbedded(url, () => undefined)
  const endedAt = performance.now()
  probe.stdin?.end()
  const { health, query } = JSON.parse(await measured) as { health: Series; query: Series }
  server.stdin?.end()
  const [late] = (await once(lines, 'line')) as [string]
  await once(server, 'exit')

  const seconds = (from: number, to: number) => `${((to - from) / 1000).toFixed(1)} s`
  console.log(
    `ingest      ${pages.length} pages in ${seconds(startedAt, storedAt)}, vectors ${seconds(storedAt, endedAt)} later`,
  )
  console.log(`health      ${milliseconds(summary(health.latenciesMs))}  (${health.latenciesMs.length} requests)`)
  console.log(`query       ${milliseconds(summary(query.latenciesMs))}  (${query.latenciesMs.length} requests)`)
  console.log(`event loop  ${milliseconds(JSON.parse(late))} late`)
  checks.atMost('requests that failed', health.failures + query.failures, 0, '')
  checks.atMost('health p99', summary(health.latenciesMs).p99, 50, 'ms')
  checks.atMost('query p95', summary(query.latenciesMs).p95, 150, 'ms')
}

/** Seconds from spawning `agent-turbo serve` to its first answer about its health, and to its first answered query. */
async function start(): Promise<{ healthy: number; answered: number; isDegraded: boolean }> {
  const port = await freePort()
  const startedAt = performance.now()
  const server = spawn(process.execPath, [join(root, 'dist', 'cli', 'main.js'), 'serve', '--port', String(port)], {
    env: { ...process.env, DATABASE_URL: '', AGENT_TURBO_DATA: dataDir, AGENT_TURBO_LOG_LEVEL: 'error' },
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  const url = `http://127.0.0.1:${port}`
  const isUp = () =>
    fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
  while (!(await isUp())) {
    if (server.exitCode !== null) throw new Error(`agent-turbo serve ended with ${server.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const healthy = (performance.now() - startedAt) / 1000
  const { results, degraded } = await post<{ results: unknown[]; degraded?: string[] }>(url, '/v1/knowledge/query', {
    query: 'how do I take a backup?',
  })
  if (results.length === 0) throw new Error('the first query found nothing')
  const answered = (performance.now() - startedAt) / 1000
  server.kill('SIGTERM')
  await once(server, 'exit')
  return { healthy, answered, isDegraded: degraded !== undefined }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

printHeader('Responsiveness', `${pages.length} HTML pages of the PostgreSQL manual, embedded store, built-in embedder`)
const checks = new Checks()
try {
  await busyServer(checks)
  execFileSync('npm', ['run', 'build', '--silent'], { cwd: root, stdio: 'inherit' })
  const starts = []
  for (let turn = 0; turn < STARTS; turn += 1) starts.push(await start())
  const median = (values: number[]) => summary(values).p50
  checks.atMost('second start to healthy', median(starts.map(({ healthy }) => healthy)), 1.5, 's')
  checks.atMost('second start to the first answer', median(starts.map(({ answered }) => answered)), 1.5, 's')
  checks.atMost('first answers by words alone', starts.filter(({ isDegraded }) => isDegraded).length, 0, '')
  process.exitCode = checks.missed === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
