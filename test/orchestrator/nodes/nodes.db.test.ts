import { cpus, hostname } from 'node:os'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { VERSION } from '../../../src/base/version.ts'
import { refusal } from '../../harness/knowledge.ts'
import { type LandingWorld, landingWorld } from '../../harness/landing.ts'

let world: LandingWorld

beforeAll(async () => {
  world = await landingWorld({ start: false })
})

afterAll(() => world.drop())

it('keeps what is not given, and replaces what is', async () => {
  const { nodes } = world.orchestrator
  await nodes.putNode({ name: 'alpha', role: 'worker', facts: { cores: 8, aB_c: 1 } })
  expect(await nodes.putNode({ name: 'alpha', status: 'maintenance' })).toMatchObject({
    role: 'worker',
    status: 'maintenance',
    facts: { cores: 8, aB_c: 1 },
  })
  expect(await nodes.putNode({ name: 'alpha', role: null, facts: {} })).toMatchObject({ role: null, facts: {} })
  await nodes.putService({ name: 'postgres', node: 'alpha', port: 5432, detail: 'slow', status: 'degraded' })
  expect(await nodes.putService({ name: 'postgres', status: 'running', detail: null })).toMatchObject({
    ...{ node: 'alpha', port: 5432, status: 'running', detail: null },
  })
  expect((await nodes.listServices()).services).toEqual([await nodes.getService('postgres')])
})

it('refuses a service on a node that is not there, and tells what is not found', async () => {
  const { nodes } = world.orchestrator
  expect(await refusal(nodes.putService({ name: 'x', node: 'nowhere' }))).toMatchObject({
    code: 'invalid_input',
    errors: [{ pointer: '/node', detail: expect.any(String) }],
  })
  expect(await refusal(nodes.getNode('nowhere'))).toMatchObject({ code: 'not_found' })
  expect(await refusal(nodes.getService('nothing'))).toMatchObject({ code: 'not_found' })
})

it('registers the host as it is, and the server, which is stopped with it', async () => {
  const peer = await world.peer({ start: false })
  const health = async () => ({ status: 'degraded' as const, detail: 'starting' })
  await peer.orchestrator.announce({ url: 'http://127.0.0.1:8780', health })
  const name = `agent-turbo@${hostname()}:8780`
  const { nodes } = world.orchestrator
  expect(await nodes.getService(name)).toMatchObject({
    ...{ node: hostname(), type: 'api', url: 'http://127.0.0.1:8780', port: 8780, version: VERSION },
    ...{ status: 'degraded', detail: 'starting' },
  })
  const { facts, status } = await nodes.getNode(hostname())
  expect(status).toBe('active')
  expect(facts).toMatchObject({
    ...{ os: expect.stringMatching(/\w/), kernel: expect.stringMatching(/\d/), cpu: cpus()[0]?.model.trim() },
    ...{ cores: expect.any(Number), ram_gb: expect.any(Number), gpus: expect.any(Array) },
    versions: {
      node: process.versions.node,
      'agent-turbo': VERSION,
      postgresql: expect.stringMatching(/^1\d/),
      pgvector: expect.stringMatching(/^0\./),
    },
  })
  await peer.stop()
  expect(await nodes.getService(name)).toMatchObject({ status: 'stopped', detail: null })
})

it('registers a host of workers without a server', async () => {
  await world.db.query(sql`truncate system_nodes, services`)
  const peer = await world.peer({ start: false })
  await peer.orchestrator.announce(null)
  await peer.stop()
  const { nodes } = world.orchestrator
  expect(await nodes.getNode(hostname())).toMatchObject({ status: 'active', facts: { cores: expect.any(Number) } })
  expect(await nodes.listServices()).toEqual({ services: [] })
})

it('keeps what an operator said of a host that registers itself', async () => {
  const { nodes } = world.orchestrator
  await nodes.putNode({ name: hostname(), role: 'builder', status: 'maintenance' })
  const peer = await world.peer({ start: false })
  await peer.orchestrator.announce({
    url: 'http://127.0.0.1:9000',
    health: async () => ({ status: 'running', detail: null }),
  })
  expect(await nodes.getNode(hostname())).toMatchObject({ role: 'builder', status: 'maintenance' })
  await peer.stop()
})

it('notes silently that node and service are still there, and says no when that is news', async () => {
  const { touch } = await import('../../../src/orchestrator/nodes/queries.ts')
  const { nodes } = world.orchestrator
  const node = { name: 'beta', facts: { cores: 4 } }
  const service = { name: 'api', node: 'beta', url: 'http://b', version: '1', status: 'running' as const, detail: null }
  expect(await touch(world.db, node, service)).toBe(false)
  await nodes.putNode(node)
  await nodes.putService(service)
  await world.db.query(sql`update services set last_seen = now() - interval '80 seconds'`)
  expect(await touch(world.db, node, service)).toBe(true)
  const age = sql`select extract(epoch from now() - last_seen)::float8 as age from services where service_name = 'api'`
  expect((await world.db.query<{ age: number }>(age))[0]?.age).toBeLessThan(60)
  expect(await touch(world.db, node, { ...service, status: 'degraded', detail: 'slow' })).toBe(false)
  expect(await touch(world.db, { ...node, facts: { cores: 8 } }, service)).toBe(false)
  await world.db.query(sql`update services set last_seen = now() - interval '100 seconds'`)
  expect(await nodes.getService('api')).toMatchObject({ status: 'unknown' })
  expect(await touch(world.db, node, service)).toBe(false)
})
