import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Backend } from '../../src/cli/backend.ts'
import { checkClock, checkCycle } from '../../src/cli/doctor/cycle.ts'
import { checkDataFolder, checkNode, checkPort } from '../../src/cli/doctor/host.ts'
import { loadConfig } from '../../src/config.ts'

describe('node', () => {
  test.each([
    ['20.19.0', 'ok'],
    ['22.1.0', 'ok'],
    ['20.18.9', 'fail'],
    ['18.20.0', 'fail'],
  ])('%s is %s', (version, status) => {
    expect(checkNode(version).status).toBe(status)
  })
})

describe('the clock', () => {
  test.each([
    [1_000_500, 'ok'],
    [999_000, 'ok'],
    [1_010_000, 'warn'],
    [990_000, 'warn'],
  ])('an item of %d ms that was made between 1,000,000 and 1,001,000 is %s', (stored, status) => {
    expect(checkClock(stored, 1_000_000, 1_001_000).status).toBe(status)
  })
})

describe('the data folder', () => {
  test('need not exist, and is not made', async () => {
    const dataDir = join(tmpdir(), 'agent-turbo-nowhere', 'deep')
    const check = await checkDataFolder({ kind: 'embedded', dataDir, isNew: true })
    expect(check).toMatchObject({ status: 'ok', detail: expect.stringContaining('not there yet') })
  })

  test('belongs to a server that was named', async () => {
    expect(await checkDataFolder({ kind: 'server', url: 'http://127.0.0.1:1' })).toMatchObject({ status: 'skipped' })
  })
})

describe('the port', () => {
  /** A configuration whose port is taken by a server that answers with `listener`. */
  async function taken(listener: RequestListener) {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.close()
    })
    const { port } = server.address() as AddressInfo
    return loadConfig({ env: {}, flags: { AGENT_TURBO_PORT: port } })
  }

  test('may have a server of ours', async () => {
    const config = await taken((_, response) => response.end('{"version":"1.2.3","engine":"postgres"}'))
    expect(await checkPort(config)).toMatchObject({
      status: 'ok',
      detail: expect.stringContaining('Agent Turbo 1.2.3'),
    })
  })

  test.each(['hello', '{}', '{"version":1}'])('may have another program, which answers %s', async (body) => {
    const config = await taken((_, response) => response.end(body))
    expect(await checkPort(config)).toMatchObject({ status: 'warn', fix: expect.stringContaining('--port') })
  })
})

describe('the cycle', () => {
  /** A store in which `broken` is broken, and that forgets nothing it was not told to. */
  function standIn(broken: 'query' | 'erase' | null) {
    const items = new Map<number, string>()
    const verbs: Record<string, (input: { id: number; content: string }) => unknown> = {
      addKnowledge: ({ content }) => ({ id: items.set(1, content).size }),
      queryKnowledge: () => ({ results: broken === 'query' ? [] : [{ id: 1 }] }),
      getKnowledge: () => ({ createdAt: new Date().toISOString() }),
      listKnowledge: () => ({ items: [...items.keys()].map((id) => ({ id })) }),
      eraseKnowledge: ({ id }) => broken !== 'erase' && items.delete(id),
    }
    const call = async (name: string, input: unknown) => verbs[name]?.(input as { id: number; content: string })
    return { items, backend: { place: { kind: 'postgres' }, turbo: null, call } as unknown as Backend }
  }

  async function statuses(broken: 'query' | 'erase' | null) {
    const { items, backend } = standIn(broken)
    const checks = await checkCycle(backend)
    return { left: items.size, ...Object.fromEntries(checks.map(({ name, status }) => [name, status])) }
  }

  test('adds, finds and leaves nothing', async () => {
    expect(await statuses(null)).toEqual({ 'add and query': 'ok', clock: 'ok', erase: 'ok', left: 0 })
  })

  test('notices an item that is not found, and still removes it', async () => {
    expect(await statuses('query')).toEqual({ 'add and query': 'fail', clock: 'ok', erase: 'ok', left: 0 })
  })

  test('notices what it could not remove', async () => {
    expect(await statuses('erase')).toEqual({ 'add and query': 'ok', clock: 'ok', erase: 'fail', left: 1 })
  })
})
