import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest'
import { readProcesses } from '../../src/worker/process/process-table.ts'
import { cli, serveForTest } from '../cli/harness.ts'
import { embeddedPlace, postgresPlace } from '../harness/database.ts'
import { type RunningScript, runScript } from '../harness/processes.ts'
import { withClient } from '../harness/templates.ts'
import { skipBackoff, type WorkerWorld, workerWorld } from '../harness/workers.ts'

const WAIT_MS = 60_000

let world: WorkerWorld

beforeEach(async () => {
  world = await workerWorld(await postgresPlace(inject('serverUrl'), inject('template')))
})

afterEach(() => world.drop())

const fileIn = (name: string) => join(world.folder, name)
const appears = (name: string) =>
  vi.waitFor(() => expect(existsSync(fileIn(name))).toBe(true), { timeout: WAIT_MS, interval: 20 })
const pidIn = async (name: string) => {
  await vi.waitFor(() => expect(readFileSync(fileIn(name), 'utf8')).toMatch(/^\d+\n$/), WAIT_MS)
  return Number(readFileSync(fileIn(name), 'utf8'))
}
/** What this host keeps for the store of the test, whose name nobody else has. */
const kept = (name: string) => {
  const [store = ''] = readdirSync(fileIn('data/worker'))
  return join(fileIn('data/worker'), store, name)
}

/** Runs on and on the first time, and ends the second. */
const FIRST_ENDLESS = 'if [ -e again ]; then echo second; else touch again; echo $$ > pid; exec sleep 600; fi'

/** `agent-turbo worker` in a process of its own, which does not outlive the test. */
async function startWorker(env: Record<string, string> = {}, flags: string[] = []): Promise<RunningScript> {
  const args = ['worker', '--json', '--concurrency', '2', '--platforms', 'command', ...flags]
  const worker = runScript('src/cli/main.ts', args, {
    ...{ DATABASE_URL: world.url, AGENT_TURBO_DATA: fileIn('data'), AGENT_TURBO_LOG_LEVEL: 'error' },
    AGENT_TURBO_EMBEDDER_THREADS: '1',
    ...env,
  })
  onTestFinished(() => {
    worker.process.kill('SIGKILL')
  })
  await worker.said('"worker_id"')
  return worker
}

/** False for a zombie too: who adopts an orphan need not have collected it yet. */
async function isAlive(pid: number): Promise<boolean> {
  return (await readProcesses()).some((row) => row.pid === pid)
}

describe('a worker process', () => {
  it('runs tasks that need what it was told it has', async () => {
    await startWorker({ AGENT_TURBO_WORKER_CAPABILITIES: 'docker' }, ['--capabilities', 'gpu,net'])
    await world.reaches(await world.add('echo drawn', { requiredCapabilities: ['gpu', 'net'] }), 'completed')
    const { workers } = await world.orchestrator.workers.list()
    expect(workers).toMatchObject([{ capabilities: ['gpu', 'net'] }])
  })

  it('that is killed leaves no program behind when another one starts, which goes on at once', async () => {
    const taskId = await world.add(FIRST_ENDLESS)
    const first = await startWorker()
    const pid = await pidIn('pid')
    first.process.kill('SIGKILL')
    await first.ended
    expect(await isAlive(pid)).toBe(true)
    await startWorker()
    expect(await isAlive(pid)).toBe(false)
    // Long before its lease of a minute has run out.
    expect(await world.reaches(taskId, 'pending')).toMatchObject({
      ...{ infraRetryCount: 1, retryCount: 0 },
      attempts: [{ outcome: 'failed', failureClass: 'worker_lost' }],
    })
    await skipBackoff(world.db)
    expect(await world.reaches(taskId, 'completed')).toMatchObject({ outputData: { text: 'second\n' } })
  })

  it('is heard by those who follow the log of its task, over HTTP and on the store itself', async () => {
    const taskId = await world.add('echo one; while [ ! -e go ]; do sleep 0.05; done; echo two')
    await startWorker()
    const { url } = await serveForTest({ DATABASE_URL: world.url, AGENT_TURBO_DATA: fileIn('serving') })
    const places: Record<string, string>[] = [{ AGENT_TURBO_URL: url }, { DATABASE_URL: world.url }]
    const readers = places.map((place) =>
      runScript('src/cli/main.ts', ['task', 'logs', taskId, '-f'], { AGENT_TURBO_DATA: fileIn('reading'), ...place }),
    )
    await Promise.all(readers.map((reader) => reader.said('one')))
    writeFileSync(fileIn('go'), '')
    const ends = await Promise.all(readers.map((reader) => reader.ended))
    for (const { code, stdout } of ends) {
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^run 1, \d{4}-\d\d-\d\d \d\d:\d\d\none\ntwo\n$/)])
    }
    const read = await cli(['task', 'logs', taskId, '--cursor', '1.1', '--json'], { env: { AGENT_TURBO_URL: url } })
    expect(read.json()).toMatchObject({ attempt_number: 1, seq: 2, kind: 'text', body: 'two\n' })
  })

  it('that is frozen past its leases ends its run when it wakes, and changes nothing', async () => {
    const taskId = await world.add(FIRST_ENDLESS)
    const frozen = await startWorker({ AGENT_TURBO_LEASE_SECONDS: '5' })
    const pid = await pidIn('pid')
    frozen.process.kill('SIGSTOP')
    await startWorker({ AGENT_TURBO_LEASE_SECONDS: '5' })
    await vi.waitFor(async () => {
      expect((await world.orchestrator.tasks.get(taskId)).infraRetryCount).toBe(1)
      await skipBackoff(world.db)
    }, WAIT_MS)
    expect(await world.reaches(taskId, 'completed', WAIT_MS)).toMatchObject({ outputData: { text: 'second\n' } })
    expect(await isAlive(pid)).toBe(true)
    frozen.process.kill('SIGCONT')
    await vi.waitFor(async () => expect(await isAlive(pid)).toBe(false), WAIT_MS)
    await vi.waitFor(async () => {
      const { attempts } = await world.orchestrator.tasks.get(taskId)
      expect(attempts.map(({ outcome }) => outcome)).toEqual(['completed', 'fenced'])
    }, WAIT_MS)
    expect(await world.orchestrator.tasks.get(taskId)).toMatchObject({ outputData: { text: 'second\n' } })
  })

  it('that is killed with a result in hand leaves it to the next one, and the task does not run again', async () => {
    const taskId = await world.add('echo x >> runs; while [ ! -e go ]; do sleep 0.05; done; echo kept')
    const first = await startWorker()
    await appears('runs')
    await withClient(world.url, async (client) => {
      await client.query('begin')
      await client.query('select from agent_tasks for update')
      writeFileSync(fileIn('go'), '')
      const results = () => readdirSync(kept('spool')).filter((name) => name.endsWith('.json'))
      await vi.waitFor(() => expect(results()).toHaveLength(1), WAIT_MS)
      first.process.kill('SIGKILL')
      await first.ended
      // Its statement waits in the server; it must not be what ends the task.
      await client.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`)
      await client.query('rollback')
    })
    expect((await world.orchestrator.tasks.get(taskId)).status).toBe('running')
    await startWorker()
    expect(await world.reaches(taskId, 'completed')).toMatchObject({ attemptCount: 1, outputData: { text: 'kept\n' } })
    expect(readFileSync(fileIn('runs'), 'utf8')).toBe('x\n')
    await vi.waitFor(
      () => expect([readdirSync(kept('spool')), readdirSync(kept(`runs/${hostname()}`))]).toEqual([[], []]),
      WAIT_MS,
    )
  })

  it('ends after its runs at the first signal, and with them at the second', async () => {
    await world.add('echo $$ > pid; trap "" INT TERM; while :; do sleep 0.1; done')
    const worker = await startWorker()
    const pid = await pidIn('pid')
    worker.process.kill('SIGTERM')
    await vi.waitFor(async () => {
      const rows = await world.db.query(sql`select status from workers`)
      expect(rows).toEqual([{ status: 'draining' }])
    }, WAIT_MS)
    expect(await isAlive(pid)).toBe(true)
    // A second signal within half a second counts as the same one: it is sent until it is heard.
    await vi.waitFor(() => {
      worker.process.kill('SIGTERM')
      expect(worker.process.exitCode).toBe(130)
    }, WAIT_MS)
    await vi.waitFor(async () => expect(await isAlive(pid)).toBe(false), WAIT_MS)
  })

  it('that somebody drains ends by itself, well', async () => {
    const taskId = await world.add('touch on; while [ ! -e go ]; do sleep 0.05; done')
    const worker = await startWorker()
    await appears('on')
    const [{ workerId = '' } = {}] = (await world.orchestrator.workers.list()).workers
    const env = { DATABASE_URL: world.url, AGENT_TURBO_DATA: fileIn('data') }
    expect((await cli(['workers', 'drain', workerId], { env })).stdout).toContain('its 1 runs have ended')
    writeFileSync(fileIn('go'), '')
    expect(await worker.ended).toMatchObject({ code: 0 })
    expect((await world.orchestrator.tasks.get(taskId)).status).toBe('completed')
    expect((await cli(['workers', 'list'], { env })).stdout).toMatch(/stopped\s+0 of 2\s+command/)
  })
})

it('a worker of its own refuses an embedded store and says what to do', async () => {
  const outcome = await cli(['worker'], { env: { AGENT_TURBO_DATA: fileIn('data') } })
  expect(outcome).toMatchObject({ code: 2, stdout: '' })
  expect(outcome.stderr).toContain('agent-turbo serve --workers 4')
})

it('a server runs tasks of its embedded store', async () => {
  const place = await embeddedPlace('migrated')
  const server = await serveForTest({ AGENT_TURBO_DATA: place.config.dataDir ?? '' }, ['--workers', '3'])
  const { workers } = (await (await fetch(`${server.url}/v1/workers`)).json()) as { workers: Record<string, unknown>[] }
  expect(workers).toMatchObject([{ status: 'active', concurrency: 3, running: 0 }])
  await server.stop()
  await place.drop()
})

it('the demo ends well, with a retry and a dependent', async () => {
  const outcome = await cli(['demo', '--json'])
  expect(outcome).toMatchObject({ code: 0 })
  expect(outcome.json()).toMatchObject({
    report: expect.stringMatching(/^a b c, 42, \d\d:\d\d UTC$/),
    attempts: { list: 1, flaky: 2, report: 1 },
  })
})
