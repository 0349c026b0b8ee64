import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { openDatabase, readLock } from '../../src/db/index.ts'
import { embeddedPlace, postgresPlace } from '../harness/database.ts'
import { cli, serveForTest } from './harness.ts'

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function migratedFolder(): Promise<string> {
  const { config, drop } = await embeddedPlace('migrated')
  onTestFinished(drop)
  return config.dataDir ?? ''
}

describe('without a server', () => {
  test('a first add makes the store and says so; a query of the next process finds it by meaning', async () => {
    const dataDir = join(emptyFolder(), 'data')
    const added = await cli(['add', 'PostgreSQL is a powerful database', '--data', dataDir])
    expect(added).toMatchObject({
      code: 0,
      stdout: 'added #1 (1 chunk)\n',
      stderr: expect.stringContaining('initialising'),
    })
    const found = await cli(['query', 'where is data kept', '--data', dataDir, '--json'])
    expect(found.stderr).toBe('')
    expect(found.json()).toMatchObject({ results: [{ id: 1, similarity: expect.any(Number) }] })
    expect(found.json().degraded).toBeUndefined()
    expect(readLock(dataDir)).toBeNull()
  })

  test('a folder that another process has is not touched, and the error names that process', async () => {
    const dataDir = await migratedFolder()
    const owner = await openDatabase({ dataDir })
    try {
      const outcome = await cli(['list', '--data', dataDir])
      expect(outcome).toMatchObject({ code: 5, stdout: '' })
      expect(outcome.stderr).toContain(`in use by process ${process.pid}`)
      expect(outcome.stderr).toContain('next: Wait for it to end')
    } finally {
      await owner.stop()
    }
  })

  test('a folder named by a flag wins over the server and the database of the environment', async () => {
    const env = { AGENT_TURBO_URL: 'http://127.0.0.1:2', DATABASE_URL: 'postgres://nobody@127.0.0.1:2/none' }
    expect(await cli(['list', '--data', await migratedFolder()], { env })).toMatchObject({ code: 0 })
  })

  test('the doctor looks at everything', async () => {
    const outcome = await cli(['doctor', '--data', await migratedFolder(), '--json'])
    const checks: { name: string; status: string }[] = outcome.json().checks
    expect(outcome.code).toBe(0)
    const looked = checks.filter(({ status }) => status === 'ok').map(({ name }) => name)
    const host = ['node', 'data folder', 'lock']
    const store = [
      'database',
      'pgvector',
      'migrations',
      'notifications',
      'add and query',
      'clock',
      'erase',
      'embedder',
      'backlog',
    ]
    expect(looked.filter((name) => name !== 'port')).toEqual([...host, ...store])
  })

  test('where there is no store, the doctor makes none', async () => {
    const folder = emptyFolder()
    const outcome = await cli(['doctor', '--data', join(folder, 'data')], { env: { TMPDIR: folder } })
    expect(outcome.stdout).toContain('skipped store           there is none yet')
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(folder).filter((name) => !name.startsWith('tsx'))).toEqual([])
  })

  test('an embedder that is away is found by the doctor, and costs no add', async () => {
    const env = { AGENT_TURBO_EMBEDDER: 'tei', AGENT_TURBO_EMBEDDER_URL: 'http://127.0.0.1:2' }
    const dataDir = await migratedFolder()
    const outcome = await cli(['doctor', '--data', dataDir], { env })
    expect(outcome.code).toBe(1)
    expect(outcome.stdout).toMatch(/^ok {6}add and query/m)
    expect(outcome.stdout).toMatch(/^fail {4}embedder .*\n +next: /m)
    const added = await cli(['add', 'Kept all the same', '--data', dataDir], { env })
    expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining('by meaning once it is embedded') })
    const found = await cli(['query', 'kept', '--data', dataDir], { env })
    expect(found).toMatchObject({ code: 0, stderr: expect.stringContaining('degraded') })
  })
})

test('DATABASE_URL is used without a server', async () => {
  const { config, drop } = await postgresPlace(inject('serverUrl'), inject('template'))
  onTestFinished(drop)
  const env = { DATABASE_URL: config.url ?? '', AGENT_TURBO_DATA: join(emptyFolder(), 'unused') }
  expect((await cli(['add', 'Kept on a server', '--json'], { env })).json()).toMatchObject({ status: 'created' })
  expect((await cli(['list', '--json'], { env })).json().items).toMatchObject([{ content: 'Kept on a server' }])
  expect(existsSync(env.AGENT_TURBO_DATA)).toBe(false)
  const doctor = await cli(['doctor'], { env })
  expect(doctor.stdout).toMatch(/^ok {6}notifications /m)
  expect(doctor).toMatchObject({ code: 0 })
})

describe('interrupted', () => {
  /** A server that takes requests and never answers; tells of the first. */
  async function silentServer(): Promise<{ server: Server; url: string; asked: Promise<unknown> }> {
    const server = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: once(server, 'request') }
  }

  test('a command ends at once with 130', async () => {
    const { url, asked } = await silentServer()
    const outcome = await cli(['query', 'x', '--url', url], {
      onStart: (child) => void asked.then(() => child.kill('SIGINT')),
    })
    expect(outcome).toMatchObject({ code: 130, stdout: '', stderr: 'interrupted\n' })
  })

  test.each([['serve'], ['list']])('%s ends at once also while its store is being opened', async (command) => {
    const { server, url } = await silentServer()
    const env = { DATABASE_URL: url.replace('http://', 'postgres://user@').concat('/db') }
    const connected = once(server, 'connection')
    const outcome = await cli([command], { env, onStart: (child) => void connected.then(() => child.kill('SIGINT')) })
    // Not interrupted, it would end with 5: the database does not answer.
    expect(outcome).toMatchObject({ code: 130, stdout: '', stderr: 'interrupted\n' })
  })
})

describe('serve', () => {
  test('announces itself, is used by other commands, and ends in order', async () => {
    const dataDir = await migratedFolder()
    const server = await serveForTest({ AGENT_TURBO_DATA: dataDir })
    expect(readLock(dataDir)).toMatchObject({ pid: server.process.pid, url: server.url })
    expect(await cli(['add', 'Through the server', '--data', dataDir])).toMatchObject({ code: 0 })

    const second = await cli(['serve', '--data', dataDir])
    expect(second).toMatchObject({ code: 5, stderr: expect.stringContaining(`Use the server at ${server.url}`) })

    server.process.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0 })
    expect(readLock(dataDir)).toBeNull()
    expect((await cli(['list', '--data', dataDir])).stdout).toContain('Through the server')
  })

  test('one Ctrl-C that arrives twice, as npm passes it on, is one', async () => {
    const server = await serveForTest({ AGENT_TURBO_DATA: await migratedFolder() })
    // Two of the same kind might be delivered as one.
    server.process.kill('SIGINT')
    server.process.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0 })
  })

  test('says what to do when the port is taken', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await once(blocker, 'listening')
    const { port } = blocker.address() as AddressInfo
    const outcome = await cli(['serve', '--port', String(port), '--data', await migratedFolder()])
    blocker.close()
    expect(outcome).toMatchObject({ code: 4, stdout: '' })
    expect(outcome.stderr).toMatch(new RegExp(`port ${port} on 127.0.0.1 is in use\\nnext: .*--port`))
  })

  test('refuses another address than the loopback without keys, and tries it with one', async () => {
    // An address for documentation (RFC 5737) that no machine has: nothing is ever bound to it.
    const args = ['serve', '--host', '192.0.2.1', '--port', '0', '--data', await migratedFolder()]
    const refused = await cli(args)
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('agent-turbo keys create') })
    await cli(['keys', 'create', 'all', '--data', args.at(-1) ?? ''])
    const tried = await cli(args)
    expect(tried).toMatchObject({ code: 2, stderr: expect.stringContaining('cannot listen on 192.0.2.1') })
  })
})
