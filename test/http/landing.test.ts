import { expect, test } from 'vitest'
import { createClient } from '../../src/client/index.ts'
import { testHttp } from './harness.ts'

const PATH = '/v1/landing-context'

test('the prompt is sent as it is, with its type', async () => {
  const reply = await testHttp().call('GET', `${PATH}?format=markdown`)
  expect(reply.status).toBe(200)
  expect(reply.headers.get('content-type')).toBe('text/markdown; charset=utf-8')
  expect(reply.text).toBe('# Landing context')
})

test.each(['json', 'markdown'])('what is known as %s already is not sent again', async (format) => {
  const http = testHttp()
  const { headers } = await http.call('GET', `${PATH}?format=${format}`)
  const etag = headers.get('etag') ?? ''
  expect(etag).toMatch(/^"[\w-]+"$/)
  const again = await http.call('GET', `${PATH}?format=${format}`, { headers: { 'if-none-match': etag } })
  expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag])
  const other = await http.call('GET', `${PATH}?format=${format}`, { headers: { 'if-none-match': '"other"' } })
  expect(other.status).toBe(200)
})

test('a budget that holds nothing is refused', async () => {
  const reply = await testHttp().call('GET', `${PATH}?max_tokens=49`)
  expect(reply.json).toMatchObject({ code: 'invalid_input', errors: [{ pointer: '/max_tokens' }] })
})

test('the client gives the prompt as a text and the context as an object', async () => {
  const http = testHttp()
  const client = createClient({
    url: 'http://localhost',
    fetch: (async (url: string, init: RequestInit) => http.app.request(url, init)) as typeof fetch,
  })
  expect(await client.getLandingContext({ format: 'markdown' })).toBe('# Landing context')
  expect(await client.getLandingContext()).toMatchObject({ systemNodes: [{ name: 'n' }], limits: [{ account: 'a' }] })
  expect(http.turbo.calls.at(-1)?.input).toMatchObject({ format: 'json', maxTokens: 1_000 })
})

test('a node is put at its name, with its facts as they are', async () => {
  const http = testHttp()
  const facts = { aB_c: { dE: 1 } }
  const reply = await http.call('PUT', '/v1/nodes/alpha%2F1', { json: { role: 'worker', facts } })
  expect(reply.json).toMatchObject({ name: 'alpha/1', role: 'worker', facts })
  expect((await http.call('DELETE', '/v1/nodes/alpha')).headers.get('allow')).toBe('HEAD, GET, PUT')
})
