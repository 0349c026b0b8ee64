/**
 * A native PostgreSQL with pgvector for tests. `tsx scripts/test-postgres.ts <start|stop|restart|env>`:
 *
 * - `start` prints its URL, starting it first when it does not run
 * - `stop` ends it and removes its data
 * - `restart [-m immediate]` restarts it, by a crash with `immediate`
 * - `env` prints `TEST_DATABASE_URL=…`
 *
 * TEST_DATABASE_URL, when set, is used as it is, and nothing is started or stopped.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { isTurboError } from '../src/base/errors.ts'
import { DataLock } from '../src/db/data-lock.ts'
import { findInstallation } from './postgres/installation.ts'
import { type StopMode, TestServer } from './postgres/server.ts'

export { TestServer } from './postgres/server.ts'

const sharedSettings = ['fsync = on', 'shared_buffers = 256MB', 'max_connections = 200', 'max_wal_size = 2GB']
const privateSettings = ['fsync = on', 'shared_buffers = 64MB', 'max_connections = 100']
const takeMs = 300_000

const stateFolder = join(tmpdir(), `agent-turbo-test-postgres-${userInfo().username}`)
const stateFile = join(stateFolder, 'server.json')

/** The URL of the server that all test runs on this machine share, started when it does not run. */
export async function sharedServerUrl(): Promise<string> {
  const given = process.env.TEST_DATABASE_URL
  if (given) return given
  return exclusively(async () => {
    const known = await sharedServer()
    if (known !== null) {
      if (!(await known.answers())) await known.start()
      return known.url()
    }
    const server = await TestServer.create(await findInstallation(), 'shared', sharedSettings)
    writeFileSync(`${stateFile}.tmp`, JSON.stringify({ name: server.name, port: server.port }))
    renameSync(`${stateFile}.tmp`, stateFile)
    return server.url()
  })
}

/** A server of the caller's own, to be restarted and broken at will; the caller removes it. */
export async function startPrivateServer(name = `private-${process.pid}-${privateCount++}`): Promise<TestServer> {
  return TestServer.create(await findInstallation(), name, privateSettings)
}
let privateCount = 0

async function sharedServer(): Promise<TestServer | null> {
  if (!existsSync(stateFile)) return null
  const { name, port } = JSON.parse(readFileSync(stateFile, 'utf8')) as { name: string; port: number }
  return new TestServer(await findInstallation(), name, port)
}

/** One process at a time looks at the state and changes it. */
async function exclusively<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + takeMs
  for (;;) {
    try {
      const lock = DataLock.take(stateFolder, () => undefined)
      return await work().finally(() => lock.release())
    } catch (error) {
      if (!isTurboError(error, 'store_locked') || Date.now() > deadline) throw error
      await sleep(200)
    }
  }
}

async function main([command, ...rest]: string[]): Promise<void> {
  if (command === 'start') return console.log(await sharedServerUrl())
  if (command === 'env') return console.log(`TEST_DATABASE_URL=${await sharedServerUrl()}`)
  if (command !== 'stop' && command !== 'restart') throw new Error('usage: test-postgres.ts start|stop|restart|env')
  const mode: StopMode = rest.includes('immediate') ? 'immediate' : 'fast'
  await exclusively(async () => {
    const server = await sharedServer()
    if (server === null) return console.error('no server was started')
    if (command === 'restart') return server.restart(mode)
    await server.remove()
    rmSync(stateFile)
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  })
}
