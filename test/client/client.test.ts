import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import { fromWire } from '../../src/base/wire.ts'
import { type Client, createClient, type OutputOf } from '../../src/client/index.ts'
import { routes } from '../../src/client/routes.ts'
import { type OperationName, operations } from '../../src/operations/index.ts'
import { GOOD_INPUTS, testHttp } from '../http/harness.ts'

const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function served() {
  const http = testHttp()
  const { url } = await http.start()
  cleanups.push(() => http.stop())
  return { http, url, client: createClient({ url }) }
}

/** A server that gives the answers in turn and counts the requests. */
async function scripted(answers: ((request: IncomingMessage, response: ServerResponse) => void)[]) {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    const answer = answers[Math.min(requests.length, answers.length) - 1]
    request.resume().on('end', () => answer?.(request, response))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => {
    server.closeAllConnections()
    await once(server.close(), 'close')
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, requests }
}

const busy =
  (retryAfter: string, code = 'unavailable', status = 503) =>
  (_: IncomingMessage, response: ServerResponse) => {
    response
      .writeHead(status, { 'content-type': 'application/problem+json', 'retry-after': retryAfter })
      .end(JSON.stringify({ code, detail: 'busy' }))
  }
const fine = (_: IncomingMessage, response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":1}')
}

test('the routes are those of the operations', () => {
  const expected = Object.fromEntries(
    operations.map(({ name, http }) => [name, { method: http.method, path: http.path }]),
  )
  expect(routes).toEqual(expected)
})

test.each(operations.map(({ name }) => name))('%s works over a real connection', async (name) => {
  const { client, http } = await served()
  await http.turbo.knowledge.add({ content: 'first' })
  await http.turbo.access.createKey({ name: 'first', scopes: ['admin'] })
  const call = client[name] as (input: unknown) => Promise<unknown>
  expect(await call(fromWire(GOOD_INPUTS[name]))).toBeTypeOf('object')
})

test('input and output are camelCase, with the types of the operations', async () => {
  const { client, http } = await served()
  const added = await client.addKnowledge({
    content: 'x',
    knowledgeType: 'fact',
    metadata: { snake_case: { camelCase: 1 } },
  })
  expect(added).toMatchObject({ status: 'created', contentHash: expect.any(String) })
  expect((await client.getKnowledge({ id: added.id })).metadata).toEqual({ snake_case: { camelCase: 1 } })
  const page = await client.listKnowledge({
    tags: ['a', 'b'],
    source: { url: 'http://x/?a=b&c#d' },
    includeHistory: true,
  })
  expect(page.nextCursor).toBeNull()
  expect(http.turbo.calls.at(-1)?.input).toMatchObject({
    tags: ['a', 'b'],
    source: { url: 'http://x/?a=b&c#d' },
    includeHistory: true,
  })
  expectTypeOf(client.getStats).parameter(0).toEqualTypeOf<Record<string, never> | undefined>()
  expectTypeOf<OutputOf<'queryKnowledge'>['results'][number]['knowledgeType']>().toEqualTypeOf<string>()
  expectTypeOf<keyof Client>().toEqualTypeOf<OperationName | 'followTaskLog'>()
  // @ts-expect-error a required field is missing
  await expect(client.addKnowledge({})).rejects.toMatchObject({ code: 'invalid_input' })
})

describe('errors', () => {
  test('are those the server threw', async () => {
    const { client } = await served()
    await expect(client.getKnowledge({ id: 77 })).rejects.toMatchObject({
      name: 'TurboError',
      code: 'not_found',
      message: 'no item has the id 77',
    })
    await expect(client.queryKnowledge({ query: '', limit: 0 })).rejects.toMatchObject({
      code: 'invalid_input',
      errors: [{ pointer: '/query' }, { pointer: '/limit' }],
      next: expect.stringContaining('queryKnowledge'),
    })
    const { url } = await served()
    await expect(createClient({ url, apiKey: 'wrong' }).getStats()).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('say when no server is there, none of ours, or none in time', async () => {
    await expect(createClient({ url: 'http://127.0.0.1:9' }).getStats()).rejects.toMatchObject({
      code: 'unavailable',
      next: expect.stringContaining('serve'),
    })
    const html = await scripted([(_, response) => void response.end('<html>')])
    await expect(createClient({ url: html.url }).getStats()).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('not JSON'),
    })
    const silent = await scripted([() => undefined])
    await expect(createClient({ url: silent.url, timeoutMs: 50 }).getStats()).rejects.toMatchObject({ code: 'timeout' })
  })

  test("of the caller's own signal are its reason", async () => {
    const silent = await scripted([() => undefined])
    const controller = new AbortController()
    const call = createClient({ url: silent.url }).getStats({}, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
  })
})

describe('retries', () => {
  test('a busy server is asked again, and waited for as it says', async () => {
    const { url, requests } = await scripted([busy('0'), busy('1', 'rate_limited', 429), fine])
    const startedMs = performance.now()
    expect(await createClient({ url }).getKnowledge({ id: 1 })).toEqual({ id: 1 })
    expect(requests).toHaveLength(3)
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1_000)
  })

  test('end after a bound, or at once when the server asks for too much patience', async () => {
    const always = await scripted([busy('0')])
    await expect(createClient({ url: always.url, retriesMax: 2 }).getStats()).rejects.toMatchObject({
      code: 'unavailable',
    })
    expect(always.requests).toHaveLength(3)
    const slow = await scripted([busy('3600')])
    await expect(createClient({ url: slow.url }).getStats()).rejects.toMatchObject({ retryAfterSeconds: 3600 })
    expect(slow.requests).toHaveLength(1)
  })

  test('a call that could do the same thing twice is repeated only with an idempotency key, or when nothing happened', async () => {
    const input = { name: 'ci' }
    const unsafe = await scripted([busy('0'), fine])
    await expect(createClient({ url: unsafe.url }).createApiKey(input)).rejects.toMatchObject({ code: 'unavailable' })
    expect(unsafe.requests).toHaveLength(1)
    const keyed = await scripted([busy('0'), fine])
    await createClient({ url: keyed.url }).createApiKey(input, { idempotencyKey: 'k' })
    expect(keyed.requests.map(({ headers }) => headers['idempotency-key'])).toEqual(['k', 'k'])
    const limited = await scripted([busy('0', 'rate_limited', 429), fine])
    await createClient({ url: limited.url }).createApiKey(input)
    expect(limited.requests).toHaveLength(2)
  })
})
