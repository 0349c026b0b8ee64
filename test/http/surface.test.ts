import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { testHttp } from './harness.ts'

const ADD = '/v1/knowledge'

describe('routes', () => {
  test('an unknown path is 404, another method 405 with Allow', async () => {
    const http = testHttp()
    const unknown = await http.call('GET', '/v1/nothing')
    expect([unknown.status, unknown.json.code, unknown.json.next]).toEqual([
      404,
      'not_found',
      'GET /openapi.json lists the paths.',
    ])
    const put = await http.call('PUT', ADD)
    expect([put.status, put.json.code, put.headers.get('allow')]).toEqual([
      405,
      'method_not_allowed',
      'HEAD, GET, POST',
    ])
    expect((await http.call('POST', '/v1/knowledge/1')).headers.get('allow')).toBe('HEAD, GET, PATCH, DELETE')
    expect((await http.call('POST', '/health')).status).toBe(405)
    expect((await http.call('HEAD', '/health')).status).toBe(200)
  })

  test('a stored item is answered with 201, its duplicate with 200 and the same id', async () => {
    const http = testHttp()
    const first = await http.call('POST', ADD, { json: { content: 'x' } })
    const second = await http.call('POST', ADD, { json: { content: 'x' } })
    expect([first.status, first.json.status, second.status, second.json.status]).toEqual([
      201,
      'created',
      200,
      'duplicate',
    ])
    expect(second.json.id).toBe(first.json.id)
  })

  test("keys are snake_case at every depth, the user's own JSON is left alone", async () => {
    const http = testHttp()
    const metadata = { camelCase: { snake_case: [{ someKey: null }] } }
    await http.call('POST', ADD, { json: { content: 'x', knowledge_type: 'fact', metadata } })
    expect(http.turbo.calls[0]?.input).toEqual({ content: 'x', knowledgeType: 'fact', metadata })
    const item = await http.call('GET', '/v1/knowledge/1')
    expect(item.json).toMatchObject({ knowledge_type: 'fact', content_hash: expect.any(String), metadata })
    const history = await http.call('GET', '/v1/knowledge/1/history')
    expect(history.json.items[0].before).toEqual({ knowledge_type: 'note', metadata: { aB: 1 } })
  })

  test('documents arrive as text or as bytes, exactly one of them', async () => {
    const http = testHttp()
    const documents = [
      { path: 'a.md', content: '# A' },
      { path: 'b.pdf', content_base64: 'JVBERg==', media_type: 'application/pdf' },
    ]
    expect((await http.call('POST', '/v1/documents', { json: { documents } })).status).toBe(200)
    expect(http.turbo.calls[0]?.input).toEqual({
      documents: [
        { path: 'a.md', content: '# A' },
        { path: 'b.pdf', content: Buffer.from('%PDF'), mediaType: 'application/pdf' },
      ],
    })
    for (const wrong of [
      { path: 'a' },
      { path: 'a', content: 'x', content_base64: 'eA==' },
      { path: 'a', content_base64: '!' },
    ]) {
      expect((await http.call('POST', '/v1/documents', { json: { documents: [wrong] } })).status).toBe(400)
    }
  })
})

describe('request ids', () => {
  test('a sane one is taken over, any other replaced', async () => {
    const http = testHttp()
    expect(
      (await http.call('GET', '/health', { headers: { 'x-request-id': 'build-7:a.b' } })).headers.get('x-request-id'),
    ).toBe('build-7:a.b')
    for (const bad of ['x'.repeat(129), 'a b', '<script>']) {
      expect(
        (await http.call('GET', '/health', { headers: { 'x-request-id': bad } })).headers.get('x-request-id'),
      ).toMatch(/^[0-9a-f-]{36}$/)
    }
  })
})

describe('etags', () => {
  test.each(['/v1/knowledge/1', '/v1/knowledge', '/v1/stats', '/v1/documents/sources', '/openapi.json', '/docs'])(
    '%s is 304 while it is unchanged',
    async (path) => {
      const http = testHttp()
      await http.turbo.knowledge.add({ content: 'x' })
      const etag = must((await http.call('GET', path)).headers.get('etag'), 'an ETag')
      expect(etag).toMatch(/^"[\w-]{43}"$/)
      for (const known of [etag, `"other", W/${etag}`, '*']) {
        const reply = await http.call('GET', path, { headers: { 'if-none-match': known } })
        expect([reply.status, reply.text, reply.headers.get('etag')]).toEqual([304, '', etag])
      }
      expect((await http.call('GET', path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
    },
  )

  test('a changed item has another one', async () => {
    const http = testHttp()
    await http.turbo.knowledge.add({ content: 'x' })
    const before = (await http.call('GET', '/v1/knowledge/1')).headers.get('etag')
    await http.call('PATCH', '/v1/knowledge/1', { json: { title: 'new' } })
    expect((await http.call('GET', '/v1/knowledge/1', { headers: { 'if-none-match': String(before) } })).status).toBe(
      200,
    )
  })
})

describe('cross-site requests', () => {
  test.each(['localhost', '127.0.0.1', '[::1]', 'LOCALHOST'])('the host %s is ours on any port', async (host) => {
    expect((await testHttp().call('GET', `http://${host}:9999/health`)).status).toBe(200)
  })

  test('another host name is refused: it was rebound to this address', async () => {
    for (const host of ['evil.example', '127.0.0.1.evil.example', '169.254.169.254']) {
      const reply = await testHttp().call('GET', `http://${host}/health`)
      expect([reply.status, reply.json.code], host).toEqual([403, 'forbidden'])
    }
    expect(
      (await testHttp({ allowedHosts: ['turbo.example'] }).call('GET', 'http://turbo.example/health')).status,
    ).toBe(200)
  })

  test('another origin is refused', async () => {
    const call = (origin: string) => testHttp().call('POST', ADD, { json: { content: 'x' }, headers: { origin } })
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example', 'file://', '']) {
      expect((await call(origin)).status, origin).toBe(403)
    }
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1:8780', 'http://[::1]:1'])
      expect((await call(origin)).status, origin).toBe(201)
  })

  test('what came through a proxy is not local', async () => {
    for (const header of ['x-forwarded-for', 'forwarded', 'via']) {
      expect((await testHttp().call('GET', '/v1/stats', { headers: { [header]: '10.0.0.1' } })).status).toBe(401)
    }
    const named = testHttp({ allowedHosts: ['turbo.example'] })
    expect((await named.call('GET', 'http://turbo.example/v1/stats')).status).toBe(401)
  })
})

describe('keys', () => {
  test('a key that is given counts, also on the loopback', async () => {
    const http = testHttp()
    expect((await http.call('GET', '/v1/stats', { headers: { authorization: 'Bearer wrong' } })).status).toBe(401)
    expect((await http.call('GET', '/v1/stats', { headers: { authorization: 'Basic eDp5' } })).status).toBe(401)
    const { key } = await http.turbo.access.createKey({ name: 'reader', scopes: ['read'] })
    expect((await http.call('GET', '/v1/stats', { headers: { authorization: `Bearer ${key}` } })).status).toBe(200)
    const refused = await http.call('POST', ADD, {
      json: { content: 'x' },
      headers: { authorization: `bearer ${key}` },
    })
    expect([refused.status, refused.json.detail]).toEqual([403, 'this API key lacks the scope write'])
  })

  test('are limited in their rate, each for itself, and say so', async () => {
    const http = testHttp({ rateLimitPerMinute: 3 })
    const a = (await http.turbo.access.createKey({ name: 'a', scopes: ['read'] })).key
    const b = (await http.turbo.access.createKey({ name: 'b', scopes: ['read'] })).key
    const call = (key: string) => http.call('GET', '/v1/stats', { headers: { authorization: `Bearer ${key}` } })
    const replies = [await call(a), await call(a), await call(a), await call(a)]
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 429])
    expect(replies.map(({ headers }) => headers.get('ratelimit'))).toEqual(
      [2, 1, 0, 0].map((left) => expect.stringMatching(`^"default";r=${left};t=\\d+$`)),
    )
    expect(replies[3]?.headers.get('ratelimit-policy')).toBe('"default";q=3;w=60')
    expect(Number(replies[3]?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(replies[3]?.json.code).toBe('rate_limited')
    expect((await call(b)).status).toBe(200)
    expect((await http.call('GET', '/v1/stats')).headers.get('ratelimit')).toBeNull()
  })
})

describe('idempotency keys', () => {
  test('quoted and plain are the same key; the second answer is a replay', async () => {
    const http = testHttp()
    const call = (key: string) =>
      http.call('POST', ADD, { json: { content: 'x' }, headers: { 'idempotency-key': key } })
    const first = await call('"8e03978e"')
    const second = await call('8e03978e')
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null])
    expect([second.status, second.headers.get('idempotency-replayed'), second.text]).toEqual([201, 'true', first.text])
    expect(http.turbo.calls).toHaveLength(1)
  })

  test('nonsense is refused; a key is not taken where the answer holds a secret', async () => {
    const http = testHttp()
    for (const key of ['', '"', 'x'.repeat(256), 'a"b', 'a\\b']) {
      expect(
        (await http.call('POST', ADD, { json: { content: 'x' }, headers: { 'idempotency-key': key } })).status,
        key,
      ).toBe(400)
    }
    const json = { name: 'ci' }
    expect((await http.call('POST', '/v1/keys', { json, headers: { 'idempotency-key': 'a' } })).json.detail).toContain(
      'kept nowhere',
    )
  })

  test('reads need none and do not mind one', async () => {
    const headers = { 'idempotency-key': 'a' }
    const reply = await testHttp().call('POST', '/v1/knowledge/query', { json: { query: 'x' }, headers })
    expect([reply.status, reply.headers.get('idempotency-replayed')]).toEqual([200, null])
  })
})

describe('failures', () => {
  test('of the store carry their code, status and Retry-After', async () => {
    const { TurboError } = await import('../../src/base/errors.ts')
    const statuses = {
      conflict: 409,
      unavailable: 503,
      timeout: 503,
      embedder_unavailable: 503,
      space_mismatch: 409,
    } as const
    for (const [code, status] of Object.entries(statuses)) {
      const http = testHttp()
      http.turbo.behaviour.before = () => {
        throw new TurboError(code as keyof typeof statuses, 'told', { next: 'do this' })
      }
      const reply = await http.call('GET', '/v1/stats')
      expect(reply.status).toBe(status)
      expect(reply.json).toMatchObject({ code, detail: 'told', next: 'do this', type: 'about:blank' })
      expect(reply.headers.get('retry-after')).toBe(status === 503 ? '1' : null)
    }
  })

  test('that are bugs tell nothing to the caller and everything to the log', async () => {
    const http = testHttp()
    http.turbo.behaviour.before = () => {
      throw new Error('secret detail of a bug')
    }
    const reply = await http.call('GET', '/v1/stats')
    expect([reply.status, reply.json.code]).toEqual([500, 'internal'])
    expect(reply.text).not.toContain('secret detail')
    expect(http.logged()).toContain('secret detail')
    expect(http.logged()).toContain(reply.json.request_id)
  })
})

describe('the log', () => {
  test('has one line a request and none of what was sent', async () => {
    const http = testHttp()
    const { key } = await http.turbo.access.createKey({ name: 'x', scopes: ['admin'] })
    const headers = { authorization: `Bearer ${key}` }
    await http.call('POST', ADD, { json: { content: 'marker-content' }, headers })
    await http.call('POST', '/v1/knowledge/query', { json: { query: 'marker-query' }, headers })
    await http.call('GET', '/v1/knowledge?project=marker-project', { headers })
    await http.call('GET', '/marker-path', { headers })
    await http.call('POST', ADD, { json: { content: 5, 'marker-field': 1 }, headers })
    const lines = http
      .logged()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ operation, status }) => [operation, status])).toEqual([
      ['addKnowledge', 201],
      ['queryKnowledge', 200],
      ['listKnowledge', 200],
      ['none', 404],
      ['addKnowledge', 400],
    ])
    expect(http.logged()).not.toMatch(/marker/)
    expect(http.logged()).not.toContain(key)
  })
})

describe('health, readiness and metrics', () => {
  test('health is 200 whatever the state, readiness 503 without a store', async () => {
    const http = testHttp({ host: '0.0.0.0' })
    http.turbo.healthState.status = 'unavailable'
    http.turbo.healthState.database = { reachable: false, detail: 'away' }
    expect((await http.call('GET', '/health')).json).toMatchObject({
      status: 'unavailable',
      uptime_seconds: 1,
      database: { reachable: false },
    })
    const unready = await http.call('GET', '/readyz')
    expect([unready.status, unready.json.code]).toEqual([503, 'unavailable'])
    http.turbo.healthState.database = { reachable: true }
    expect((await http.call('GET', '/readyz')).json).toEqual({ ready: true })
  })

  test('metrics count requests by operation and status, and show the figures of the store', async () => {
    const http = testHttp()
    await http.call('GET', '/v1/knowledge/1')
    const { text, headers } = await http.call('GET', '/metrics')
    expect(headers.get('content-type')).toContain('text/plain')
    expect(text).toContain('agent_turbo_request_seconds_count{operation="getKnowledge",status="404"} 1')
    for (const line of ['store_up 1', 'cache_hits 7', 'embedding_backlog 3', 'exact_reruns 2'])
      expect(text).toContain(`agent_turbo_${line}\n`)
    http.turbo.behaviour.before = () => {
      throw new Error('away')
    }
    expect((await http.call('GET', '/metrics')).text).toContain('agent_turbo_store_up 0\n')
    expect((await testHttp({ host: '0.0.0.0' }).call('GET', '/metrics')).status).toBe(401)
  })
})

test('docs/metrics.md names every metric there is', async () => {
  const { text } = await testHttp().call('GET', '/metrics')
  const told = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name)
  const document = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const named = [...document.matchAll(/`(agent_turbo_\w+)`/g)].map(([, name]) => name)
  expect(named.sort()).toEqual(told.sort())
})

test('metrics show how the queue stands, and what workers here have waited for', async () => {
  const { text } = await testHttp().call('GET', '/metrics')
  for (const line of [
    ...['tasks_ready 3', 'tasks_ready_oldest_seconds 12.5', 'worker_slots_busy 2', 'worker_slots 4'],
    ...['account_pause_seconds{platform="codex"} 60', 'dead_tuples{table="agent_tasks"} 7'],
    ...['attempts_last_hour{outcome="lease_expired"} 1', 'attempts_last_hour{outcome="fenced"} 0'],
    ...['attempts_last_hour{outcome="completed"} 5', 'cost_usd_last_hour 0.75'],
    ...['claim_seconds_bucket{le="0.002"} 0', 'claim_seconds_bucket{le="0.005"} 1', 'claim_seconds_count 1'],
    ...['task_wait_seconds_bucket{le="0.025"} 1', 'task_wait_seconds_bucket{le="15"} 2'],
  ])
    expect(text).toContain(`\nagent_turbo_${line}\n`)
})

describe('the docs page', () => {
  test('shows every operation with an example, and forbids scripts', async () => {
    const http = testHttp()
    const { text, headers } = await http.call('GET', '/docs')
    const { json } = await http.call('GET', '/openapi.json')
    for (const [path, methods] of Object.entries<object>(json.paths)) {
      for (const method of Object.keys(methods)) expect(text).toContain(`<b>${method.toUpperCase()}</b> ${path}`)
    }
    expect(text).toContain('curl -s -X POST http://127.0.0.1:8780/v1/knowledge/query')
    expect(text).not.toMatch(/<script|https:\/\/|\[object|undefined/)
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  })
})
