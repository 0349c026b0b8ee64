import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import type { Checks } from '../report.ts'

/** One part of the benchmark. */
export interface Part {
  name: string
  /** Sizes that `name=number` on the command line changes. */
  sizes: Record<string, number>
  /** Measures over an empty database. */
  run(url: string, sizes: Record<string, number>, checks: Checks): Promise<void>
}

export interface Server {
  url: string
  stop(): Promise<void>
}

function run(script: string, args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, '..', script), ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

/** A server in a process of its own, whose embedder costs nothing. */
export async function startServer(databaseUrl: string): Promise<Server> {
  const child = run('replay-server.ts', ['0', '0'], { DATABASE_URL: databaseUrl })
  const [url] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string]
  return {
    url,
    async stop() {
      child.stdin?.end()
      await once(child, 'close')
    },
  }
}

/** Sends the bodies from a process of its own; every answer must be a success. */
export async function load(url: string, path: string, bodies: string[], connections: number) {
  const child = run('load.ts', [])
  child.stdin?.end(JSON.stringify({ url, path, bodies, connections }))
  const output = JSON.parse(await text(child.stdout as NodeJS.ReadableStream)) as {
    seconds: number
    latenciesMs: number[]
    failures: number
  }
  if (output.failures > 0) throw new Error(`${output.failures} requests to ${path} failed`)
  return output
}

/** Runs `work` on one connection. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  return work(client).finally(() => client.end())
}

/** Removes everything that the database holds. */
export function empty(url: string): Promise<unknown> {
  return withClient(url, (client) =>
    client.query('drop schema public cascade; create schema public; drop schema if exists drizzle cascade'),
  )
}
