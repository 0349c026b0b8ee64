import { expect, test } from 'vitest'
import { TurboError } from '../../src/base/errors.ts'
import { testHttp } from './harness.ts'

/** The log lines of requests, parsed. */
function requestLines(logged: string): Record<string, unknown>[] {
  return logged
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => msg === 'request' || msg === 'request failed')
}

test('an answer of 500 and above is logged with its code and its cause, once', async () => {
  const http = testHttp()
  http.turbo.behaviour.before = () => {
    throw new TurboError('unavailable', 'away', { cause: new Error('the reason') })
  }
  await http.call('GET', '/v1/stats')
  http.turbo.behaviour.before = () => {
    throw new TypeError('a bug')
  }
  await http.call('GET', '/v1/stats')
  await http.call('GET', '/nowhere')
  expect(requestLines(http.logged())).toMatchObject([
    { level: 'warn', status: 503, code: 'unavailable', err: { message: 'away', cause: { message: 'the reason' } } },
    { level: 'error', status: 500, code: 'internal', err: { name: 'TypeError', message: 'a bug' } },
    { level: 'info', status: 404 },
  ])
  expect(requestLines(http.logged())[2]).not.toHaveProperty('err')
})

test('where a proxy is expected, callers on this machine need a key: the proxy may add no header', async () => {
  const http = testHttp({ allowedHosts: ['turbo.example'] })
  expect((await http.call('GET', 'http://127.0.0.1/v1/stats')).status).toBe(401)
  expect((await testHttp().call('GET', 'http://127.0.0.1/v1/stats')).status).toBe(200)
  const { key } = await http.turbo.access.createKey({ name: 'x', scopes: ['read'] })
  const headers = { authorization: `Bearer ${key}` }
  expect((await http.call('GET', 'http://127.0.0.1/v1/stats', { headers })).status).toBe(200)
})

test('failed authentications are limited for an address, and good keys pass all the same', async () => {
  const http = testHttp()
  const { key } = await http.turbo.access.createKey({ name: 'x', scopes: ['read'] })
  const status = async (text: string) =>
    (await http.call('GET', '/v1/stats', { headers: { authorization: `Bearer ${text}` } })).status
  const statuses = []
  for (let i = 0; i < 61; i++) statuses.push(await status('wrong'))
  expect(statuses).toEqual([...Array(60).fill(401), 429])
  const refused = await http.call('GET', '/metrics', { headers: { authorization: 'Bearer wrong' } })
  expect(refused.json).toMatchObject({
    code: 'rate_limited',
    detail: 'more than 60 failed authentications in a minute',
  })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await status(key)).toBe(200)
})

test('a change of nothing is refused and says what can be changed', async () => {
  const http = testHttp()
  await http.turbo.knowledge.add({ content: 'x' })
  const reply = await http.call('PATCH', '/v1/knowledge/1', { json: {} })
  expect([reply.status, reply.json.code]).toEqual([400, 'invalid_input'])
  expect(reply.json.detail).toContain('needs at least one of title, knowledge_type, category')
})

test('a repeated change is answered with the item as it is now', async () => {
  const http = testHttp()
  await http.turbo.knowledge.add({ content: 'x' })
  const change = (title: string, key: string) =>
    http.call('PATCH', '/v1/knowledge/1', { json: { title }, headers: { 'idempotency-key': key } })
  expect((await change('first', 'a')).json.title).toBe('first')
  await change('second', 'b')
  const repeated = await change('first', 'a')
  expect([repeated.json.title, repeated.headers.get('idempotency-replayed')]).toEqual(['second', 'true'])
})

test('a history is bounded', async () => {
  const http = testHttp()
  await http.turbo.knowledge.add({ content: 'x' })
  expect((await http.call('GET', '/v1/knowledge/1/history?limit=1000')).status).toBe(200)
  expect((await http.call('GET', '/v1/knowledge/1/history?limit=1001')).json.errors[0].pointer).toBe('/limit')
})
