import { describe, expect, test } from 'vitest'
import { type Reply, testHttp } from './harness.ts'

const ADD = '/v1/knowledge'
const QUERY = '/v1/knowledge/query'
const jsonType = { 'content-type': 'application/json' }

async function post(
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = jsonType,
): Promise<Reply> {
  return testHttp().call('POST', path, { body, headers })
}

function streamOf(chunk: Uint8Array, times: number) {
  const counted = { pulls: 0 }
  const stream = new ReadableStream({
    pull(controller) {
      counted.pulls++
      if (counted.pulls > times) controller.close()
      else controller.enqueue(chunk)
    },
  })
  return { stream, counted }
}

describe('bodies', () => {
  test('that are not JSON are refused with the place', async () => {
    const reply = await post(ADD, '{"content": "x",\n "title" }')
    expect(reply.status).toBe(400)
    expect(reply.headers.get('content-type')).toBe('application/problem+json')
    expect(reply.json).toMatchObject({
      code: 'invalid_input',
      status: 400,
      detail: expect.stringContaining('line 2, column 10'),
    })
    expect(reply.json.request_id).toBe(reply.headers.get('x-request-id'))
  })

  test('that are empty, no object or nested too deeply are refused', async () => {
    expect((await post(ADD, '')).json.detail).toContain('JSON body is required')
    for (const body of ['[]', 'null', '"x"', '3'])
      expect((await post(ADD, body)).json.detail).toContain('must be a JSON object')
    expect((await post(ADD, `{"content":"x","metadata":${'['.repeat(100_000)}`)).json.detail).toContain(
      'deeper than 64',
    )
  })

  test('that are not UTF-8 are refused', async () => {
    const bytes = new Uint8Array(Buffer.from('{"content":"\xff\xfe"}', 'latin1'))
    expect((await post(ADD, bytes)).json.detail).toContain('not valid UTF-8')
  })

  test('a byte order mark is no error', async () => {
    expect((await post(ADD, '\ufeff{"content":"x"}')).status).toBe(201)
  })

  test('of another type are refused with 415', async () => {
    const others = ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', '']
    for (const type of others) {
      const reply = await post(ADD, '{"content":"x"}', { 'content-type': type })
      expect([reply.status, reply.json.code], type).toEqual([415, 'unsupported_media_type'])
    }
    expect((await post(ADD, '{}', { ...jsonType, 'content-encoding': 'gzip' })).status).toBe(415)
    expect((await post(ADD, '{"content":"x"}', { 'content-type': 'application/json; charset=UTF-8' })).status).toBe(201)
  })

  test('of unknown length are read to the limit and no further', async () => {
    const http = testHttp()
    const { stream, counted } = streamOf(new Uint8Array(1_000_000).fill(32), 100)
    const reply = await http.call('POST', ADD, { body: stream, headers: jsonType })
    expect(reply.status).toBe(413)
    expect(counted.pulls).toBeLessThan(12)
  })

  test('of documents may be larger', async () => {
    const content = 'x'.repeat(9_000_000)
    const json = { documents: [{ path: 'a.txt', content }] }
    expect((await testHttp().call('POST', '/v1/documents', { json })).status).toBe(200)
    expect((await testHttp().call('POST', ADD, { json: { content } })).status).toBe(413)
  })
})

describe('fields', () => {
  test.each([
    ['content', '', 'must not be empty'],
    ['content', ' \n\t', 'more than white space'],
    ['content', 'a\0b', 'NUL'],
    ['content', '\ud800', 'surrogates'],
    ['content', 'x'.repeat(5_000_001), 'at most 5000000'],
    ['content', 5, 'expected string'],
    ['title', 'x'.repeat(1_001), 'at most 1000'],
    ['knowledge_type', '\0', 'NUL'],
    ['tags', 'one', 'expected array'],
    ['tags', Array.from({ length: 51 }, String), 'at most 50'],
    ['importance', 2, '<=1'],
    ['importance', '1', 'expected number'],
    ['supersedes', 0, '>0'],
    ['supersedes', 1.5, 'expected int'],
    ['supersedes', 2 ** 53, ''],
    ['expires_at', 'tomorrow', 'ISO 8601'],
    ['expires_at', '2026-02-30T00:00:00Z', 'ISO 8601'],
    ['expires_at', '0099-01-01T00:00:00Z', 'years 1000'],
    ['expires_at', '2026-01-01T00:00:00+23:00', 'offset'],
    ['metadata', [], 'JSON object'],
    ['metadata', { a: '\0' }, 'NUL'],
    ['metadata', { 'a\ud800': 1 }, 'surrogates'],
    ['metadata', { a: 'x'.repeat(100_001) }, 'at most 100000'],
  ])('%s %#: the answer names it and says what is expected', async (field, value, expected) => {
    const reply = await testHttp().call('POST', ADD, { json: { content: 'x', [field]: value } })
    expect(reply.status).toBe(400)
    expect(reply.json.errors[0]).toMatchObject({ pointer: `/${field}`, detail: expect.stringContaining(expected) })
    expect(reply.json.detail).toContain(field)
  })

  test('metadata may be 32 levels deep, not 33', async () => {
    const nested = (depth: number): unknown => (depth === 1 ? {} : { a: nested(depth - 1) })
    expect((await testHttp().call('POST', ADD, { json: { content: 'x', metadata: nested(32) } })).status).toBe(201)
    const reply = await testHttp().call('POST', ADD, { json: { content: 'x', metadata: nested(33) } })
    expect(reply.json.errors[0]).toEqual({ pointer: '/metadata', detail: 'must not be nested deeper than 32 levels' })
  })

  test('what is missing is said to be required, all wrong fields are listed, at most twenty', async () => {
    const two = await testHttp().call('POST', QUERY, { json: { limit: 0, mode: 'magic' } })
    expect(two.json.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(['/query', '/limit', '/mode'])
    expect(two.json.errors[0].detail).toBe('is required (string)')
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`field_${i}`, 1]))
    expect((await testHttp().call('POST', QUERY, { json: { query: 'x', ...many } })).json.errors).toHaveLength(20)
  })

  test('names of unknown fields are escaped as pointers and cut', async () => {
    const reply = await testHttp().call('POST', QUERY, {
      json: { query: 'x', 'a/b~c': 1, ['y'.repeat(1_000)]: 1, '\0': 1 },
    })
    const pointers = reply.json.errors.map(({ pointer }: { pointer: string }) => pointer)
    expect(pointers).toEqual(['/a~1b~0c', `/${'y'.repeat(100)}`, '/\ufffd'])
  })

  test('a field __proto__ changes nothing', async () => {
    const http = testHttp()
    const sent = '{"content":"x","metadata":{"__proto__":{"polluted":1}}}'
    const reply = await http.call('POST', ADD, { body: sent, headers: jsonType })
    expect(reply.status).toBe(201)
    expect({} as { polluted?: number }).not.toHaveProperty('polluted')
    expect(
      (await http.call('POST', ADD, { body: '{"content":"x","__proto__":{"scope":"y"}}', headers: jsonType })).status,
    ).toBe(400)
  })
})

describe('batches', () => {
  const items = [{ content: 'one' }, { content: '' }, { content: 'three', nope: 1 }, { content: 'four' }]

  test('a bad item fails in its place and costs the others nothing', async () => {
    const reply = await testHttp().call('POST', '/v1/knowledge/batch', { json: { items } })
    expect(reply.status).toBe(200)
    expect(reply.json).toMatchObject({ created: 2, duplicate: 0, failed: 2 })
    expect(reply.json.results.map(({ status }: { status: string }) => status)).toEqual([
      'created',
      'failed',
      'failed',
      'created',
    ])
    expect(reply.json.results[2]).toEqual({
      id: null,
      status: 'failed',
      code: 'invalid_input',
      detail: 'nope: unknown field',
    })
  })

  test('atomic, or with no good item, the batch is refused with pointers and nothing is stored', async () => {
    for (const json of [{ items, atomic: true }, { items: [{ content: 5 }, 7] }]) {
      const http = testHttp()
      const reply = await http.call('POST', '/v1/knowledge/batch', { json })
      expect(reply.status).toBe(400)
      expect(reply.json.errors.length).toBe(2)
      expect(reply.json.errors[0].pointer).toMatch(/^\/items\/\d\/content$/)
      expect(http.turbo.calls).toEqual([])
    }
  })

  test('more than 1,000 items are refused', async () => {
    const json = { items: Array.from({ length: 1_001 }, (_, i) => ({ content: `item ${i}` })) }
    expect((await testHttp().call('POST', '/v1/knowledge/batch', { json })).json.errors[0].pointer).toBe('/items')
  })
})

describe('query strings', () => {
  test('are typed by the schema, lists by repetition and commas', async () => {
    const http = testHttp()
    const path =
      '/v1/knowledge?limit=7&include_history=true&tags=a,b&tags=c&project=12&source.url=http%3A%2F%2Fx&since=2026-01-01T00:00:00Z'
    expect((await http.call('GET', path)).status).toBe(200)
    expect(http.turbo.calls[0]?.input).toEqual({
      limit: 7,
      includeHistory: true,
      tags: ['a', 'b', 'c'],
      project: '12',
      source: { url: 'http://x' },
      since: '2026-01-01T00:00:00Z',
    })
  })

  test.each([
    ['limit=x', '/limit', 'expected number'],
    ['limit=1&limit=2', '/limit', 'more than once'],
    ['limit=100000', '/limit', '<=200'],
    ['include_history=yes', '/include_history', 'expected boolean'],
    ['colour=red', '/colour', 'unknown field'],
    ['source.colour=red', '/source/colour', 'unknown field'],
    ['source=x', '/source', 'expected object'],
    ['source.url=x&source=x', '/source', 'more than once'],
    ['project=', '/project', 'must not be empty'],
    ['project=a%00b', '/project', 'NUL'],
    ['__proto__.x=1', '/__proto__.x', 'unknown field'],
  ])('%s is refused by name', async (query, pointer, detail) => {
    const reply = await testHttp().call('GET', `/v1/knowledge?${query}`)
    expect(reply.status).toBe(400)
    expect(reply.json.errors).toContainEqual({ pointer, detail: expect.stringContaining(detail) })
  })

  test('that are not UTF-8 are refused, also where the fields belong in the body', async () => {
    expect((await testHttp().call('GET', '/v1/knowledge?project=%ff')).json.detail).toContain('UTF-8')
    expect((await testHttp().call('POST', `${QUERY}?limit=3`, { json: { query: 'x' } })).json.detail).toContain(
      'in the body',
    )
  })
})

test('path fields are checked like any other, and the body may not repeat them', async () => {
  for (const id of ['0', '-1', '1.5', 'abc', '9007199254740993', '%00', '%zz', '1e3000', '٣']) {
    const reply = await testHttp().call('GET', `/v1/knowledge/${id}`)
    expect([reply.status, reply.json.errors[0].pointer], id).toEqual([400, '/id'])
  }
  const reply = await testHttp().call('PATCH', '/v1/knowledge/1', { json: { id: 2, title: 'x' } })
  expect(reply.json.errors).toEqual([{ pointer: '/id', detail: 'is given by the path' }])
})
