import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { createLog } from '../../src/base/log.ts'
import { createHttpServer } from '../../src/http/index.ts'
import type { Embedder } from '../../src/knowledge/index.ts'
import { inputFields, type Operation, operations } from '../../src/operations/index.ts'
import { createTurbo, type Turbo } from '../../src/turbo.ts'
import { type TestPlace, testPlace } from '../harness/database.ts'
import { GOOD_INPUTS, LOCAL_CONFIG, type Reply, replyOf, requestOf } from './harness.ts'

/** The whole product behind its HTTP surface, on the engine of this project. */

const DIMENSIONS = 16

/** Vectors from hashes: of no meaning, but of the right form and always the same. */
const hashing: Embedder = {
  name: 'hashing',
  traits: { maxTokens: 256, worth: 0.5 },
  space: async () => ({ model: 'hashing', dimensions: DIMENSIONS, prefixScheme: 'none' }),
  embed: async (texts) =>
    texts.map((text) => {
      const bytes = createHash('sha256').update(text).digest()
      const vector = Float32Array.from({ length: DIMENSIONS }, (_, i) => bytes.readUInt8(i) - 127.5)
      const norm = Math.hypot(...vector)
      return vector.map((value) => value / norm)
    }),
  health: async () => ({ reachable: true }),
  stop: async () => undefined,
}

let place: TestPlace
let turbo: Turbo
let http: ReturnType<typeof createHttpServer>

beforeAll(async () => {
  place = await testPlace('migrated')
  const { url, dataDir } = place.config
  const log = createLog({ level: 'silent' })
  const database = { url, dataDir: dataDir ?? '', poolMin: 1, poolMax: 4, statementTimeoutMs: 10_000 }
  const embedder = { kind: undefined, url: undefined, model: undefined, apiKey: undefined, threads: undefined }
  turbo = await createTurbo({ database, embedder }, { log, embedder: hashing })
  await turbo.start()
  http = createHttpServer({ turbo, config: LOCAL_CONFIG, log })
})

afterAll(async () => {
  await turbo.stop()
  await place.drop()
})

async function call(
  method: string,
  path: string,
  { json, headers }: { json?: unknown; headers?: Record<string, string> } = {},
): Promise<Reply> {
  const body = json === undefined ? undefined : JSON.stringify(json)
  return replyOf(
    await http.app.request(path, { method, body, headers: { 'content-type': 'application/json', ...headers } }),
  )
}

async function added(content: string): Promise<number> {
  return (await call('POST', '/v1/knowledge', { json: { content } })).json.id
}

/** Left out: it would begin to embed everything with another model. */
const tested = (operations as readonly Operation[]).filter(({ name }) => name !== 'useEmbeddings')

test.each(tested.map((operation) => [operation.name, operation] as const))(
  '%s answers in the shape of its schema',
  async (name, operation) => {
    const input = { ...must(GOOD_INPUTS[name], 'a good input') }
    if ('id' in input) {
      input.id =
        name === 'revokeApiKey'
          ? (await turbo.access.createKey({ name, scopes: ['read'] })).id
          : await added(`for ${name}`)
    }
    if ('task_id' in input) {
      input.task_id = (await turbo.orchestrator.tasks.create({ taskType: 't', taskDescription: name })).taskId
      if (name === 'retryTask') await turbo.orchestrator.tasks.cancel(String(input.task_id))
    }
    const { orchestrator } = turbo
    const session = { agentPlatform: 'codex', agentRole: 'developer' }
    if ('session_id' in input) input.session_id = (await orchestrator.sessions.create(session)).sessionId
    if ('artifact_id' in input) {
      const artifact = { artifactType: 'report', name: 'a.md', format: 'markdown', content: '# A' }
      input.artifact_id = (await orchestrator.artifacts.add(artifact)).artifactId
    }
    if ('worker_id' in input) {
      const found = { platforms: ['command'], roles: null, capabilities: [], concurrency: 1, programs: [] }
      await orchestrator.workers.tell({ workerId: String(input.worker_id), host: 'h', pid: 1, version: '1', ...found })
    }
    if (/Node$/.test(name)) await orchestrator.nodes.putNode({ name: String(input.name) })
    if (/Service$/.test(name)) await orchestrator.nodes.putService({ name: String(input.name) })
    if (name === 'putService') await orchestrator.nodes.putNode({ name: String(input.node ?? 'alpha') })
    const { method, path, json } = requestOf(operation, input)
    const reply = await call(method, path, { json })
    const why = reply.status === operation.http.status ? undefined : reply.json?.detail
    expect([reply.status, why]).toEqual([operation.http.status, undefined])
    expect(operation.output.safeParse(reply.json).error?.issues ?? []).toEqual([])
  },
)

test('a query that explains itself answers in the shape of its schema', async () => {
  const id = await added('zymurgy is the science of fermentation')
  const json = { query: 'zymurgy', mode: 'text', explain: true, max_tokens: 50, limit: 3 }
  const reply = await call('POST', '/v1/knowledge/query', { json })
  const operation = must(
    operations.find(({ name }) => name === 'queryKnowledge'),
    'the operation',
  )
  expect(operation.output.safeParse(reply.json).error?.issues ?? []).toEqual([])
  expect(reply.json.explain.plan).toBeDefined()
  expect(reply.json.results[0]).toMatchObject({ id, explain: { lexical: { rank: 1 } } })
})

describe('what the database might choke on', () => {
  const queries = [
    "'",
    '"',
    "'; drop table agent_knowledge; --",
    'a & | ! :* <-> (',
    '\\',
    '$1',
    '%',
    '((((',
    ':*',
    '!!',
    '\u202e',
    '😀',
    'a'.repeat(20_000),
    '- '.repeat(9_000),
  ]

  test.each(queries)('the query %# is answered', async (query) => {
    for (const mode of ['hybrid', 'vector', 'text']) {
      const reply = await call('POST', '/v1/knowledge/query', { json: { query, mode, tags: ["'"], project: '\\' } })
      expect([reply.status, reply.json.detail]).toEqual([200, undefined])
    }
  })

  test('texts come back as they were given', async () => {
    for (const content of [...queries, '\u0001\u001f\u007f', ' leading\r\nand\ttrailing ', 'e\u0301', '\ufeffbom']) {
      const metadata = { [content.slice(0, 50)]: [content.slice(0, 50), null, 1e300, -0.5] }
      const { json } = await call('POST', '/v1/knowledge', { json: { content, metadata, title: content.slice(0, 90) } })
      expect((await call('GET', `/v1/knowledge/${json.id}`)).json).toMatchObject({
        content,
        metadata,
        title: content.slice(0, 90),
      })
    }
  })

  test('ids, times and cursors at their limits', async () => {
    for (const method of ['GET', 'DELETE'])
      expect((await call(method, `/v1/knowledge/${Number.MAX_SAFE_INTEGER}`)).status).toBe(404)
    for (const at of ['1000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999-15:59', '2026-01-01T00:00:00+15:59']) {
      expect(
        (await call('POST', '/v1/knowledge/query', { json: { query: 'x', since: at, as_of: at } })).status,
        at,
      ).toBe(200)
      expect([200, 201], at).toContain(
        (await call('POST', '/v1/knowledge', { json: { content: `at ${at}`, expires_at: at } })).status,
      )
    }
    for (const cursor of ['x', '"', '{}', 'eyJhIjoxfQ', "'; --", '\u00e9', '🙂', '1', 'AAAA']) {
      const reply = await call('GET', `/v1/knowledge?cursor=${encodeURIComponent(cursor)}`)
      expect([reply.status, reply.json.code], cursor).toEqual([400, 'invalid_input'])
    }
  })
})

test('nothing a caller can send makes the whole product fail', async () => {
  const values = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(0, -1, 1e308, '', ' ', '\0', '\ud800', [], {}, null),
  )
  const damaged = fc.constantFrom(...tested).chain((operation) => {
    const fields = Object.keys(inputFields(operation.input))
    const name = fields.length > 0 ? fc.constantFrom(...fields) : fc.string()
    return fc.tuple(fc.constant(operation), fc.dictionary(name, values, { maxKeys: 3 }))
  })
  await fc.assert(
    fc.asyncProperty(damaged, async ([operation, damage]) => {
      const { method, path, json } = requestOf(operation, { ...GOOD_INPUTS[operation.name], ...damage })
      const reply = await call(method, path, { json })
      expect(reply.status, operation.name).toBeLessThan(500)
    }),
    { numRuns: 300 },
  )
})

test('a repeated request with an idempotency key is answered from the database', async () => {
  const headers = { 'idempotency-key': '"once"' }
  const json = { content: 'only once' }
  const first = await call('POST', '/v1/knowledge', { json, headers })
  const second = await call('POST', '/v1/knowledge', { json, headers })
  expect([first.status, second.status, second.text]).toEqual([201, 201, first.text])
  expect(second.headers.get('idempotency-replayed')).toBe('true')
  const other = await call('POST', '/v1/knowledge', { json: { content: 'another' }, headers })
  expect([other.status, other.json.code]).toEqual([422, 'idempotency_key_reused'])
})

test('a key made over HTTP opens what its scopes allow', async () => {
  const { json } = await call('POST', '/v1/keys', { json: { name: 'reader', scopes: ['read'] } })
  const headers = { authorization: `Bearer ${json.key}` }
  expect((await call('GET', '/v1/stats', { headers })).status).toBe(200)
  expect((await call('DELETE', '/v1/knowledge/1', { headers })).status).toBe(403)
  await call('DELETE', `/v1/keys/${json.id}`)
  expect((await call('GET', '/v1/stats', { headers })).status).toBe(401)
})
