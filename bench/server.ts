import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '../src/base/log.ts'
import { loadConfig } from '../src/config.ts'
import { createHttpServer } from '../src/http/index.ts'
import type { Embedder } from '../src/knowledge/index.ts'
import { createTurbo, type Turbo } from '../src/turbo.ts'

export interface BenchServer {
  url: string
  turbo: Turbo
  /** Stops the server; the embedded store's folder is removed unless it was given. */
  stop(): Promise<void>
}

export interface BenchServerOptions {
  /** Without it the store is embedded. */
  databaseUrl?: string
  /** Folder of an embedded store to keep; default one that is removed. */
  dataDir?: string
  embedder?: Embedder
}

/** A server on a free loopback port, through the same code as `agent-turbo serve`. */
export async function startBenchServer({ databaseUrl, dataDir, embedder }: BenchServerOptions): Promise<BenchServer> {
  const folder = dataDir ?? join(mkdtempSync(join(tmpdir(), 'agent-turbo-bench-')), 'data')
  const env = { DATABASE_URL: databaseUrl, AGENT_TURBO_DATA: folder, AGENT_TURBO_PORT: '0' }
  const config = loadConfig({ env })
  const log = createLog({ level: 'warn' })
  const turbo = await createTurbo(config, { log, embedder })
  await turbo.start()
  const http = createHttpServer({ turbo, config: config.http, log })
  const { url } = await http.start()
  return {
    url,
    turbo,
    async stop() {
      await http.stop()
      await turbo.stop()
      if (dataDir === undefined) rmSync(join(folder, '..'), { recursive: true, force: true })
    },
  }
}

export async function post<T>(url: string, path: string, body: unknown): Promise<T> {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text.slice(0, 500)}`)
  return JSON.parse(text) as T
}

export async function getJson<T>(url: string, path: string): Promise<T> {
  const response = await fetch(`${url}${path}`)
  if (!response.ok) throw new Error(`${path} answered ${response.status}`)
  return (await response.json()) as T
}

/** Waits until every stored item has its vectors, telling how many wait. */
export async function untilEmbedded(url: string, onProgress: (backlog: number) => void): Promise<void> {
  for (;;) {
    const { backlog } = await getJson<{ backlog: number }>(url, '/v1/embeddings')
    onProgress(backlog)
    if (backlog === 0) return
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}
