import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { takesBody } from '../../src/base/http-method.ts'
import { inputFields, type Operation, operations } from '../../src/operations/index.ts'
import { GOOD_INPUTS, requestOf, testHttp } from './harness.ts'

const every = (operations as readonly Operation[]).map((operation) => [operation.name, operation] as const)
const goodInput = (operation: Operation) => must(GOOD_INPUTS[operation.name], `a good input for ${operation.name}`)

/** A server in which item 1 and key 1 exist. */
async function server(config = {}) {
  const http = testHttp(config)
  await http.turbo.knowledge.add({ content: 'first' })
  await http.turbo.access.createKey({ name: 'first', scopes: ['admin'] })
  return http
}

describe.each(every)('%s', (_name, operation) => {
  test('a good request is answered in the shape of its output schema', async () => {
    const http = await server()
    const { method, path, json } = requestOf(operation, goodInput(operation))
    const reply = await http.call(method, path, { json })
    expect([operation.http.status, operation.http.duplicateStatus]).toContain(reply.status)
    const parsed = operation.output.safeParse(reply.json)
    expect(parsed.error?.issues ?? []).toEqual([])
  })

  test('an unknown field is refused by name', async () => {
    const http = await server()
    const { method, path, json } = requestOf(operation, { ...goodInput(operation), no_such_field: 1 })
    const reply = await http.call(method, path, { json })
    expect(reply.status).toBe(400)
    expect(reply.json.errors).toContainEqual({ pointer: '/no_such_field', detail: 'unknown field' })
  })

  test('a field of the wrong type is refused by name', async () => {
    const http = await server()
    for (const name of Object.keys(goodInput(operation))) {
      const { method, path, json } = requestOf(operation, { ...goodInput(operation), [name]: { wrong: true } })
      const reply = await http.call(method, path, { json })
      // Text is text in a query string or a path: only what is no text there can be wrong.
      const travelsAsText = json === undefined && typeof goodInput(operation)[name] === 'string'
      if (ANY_OBJECT.includes(name)) continue
      // Any text in a path may be a name: one that is well formed, known or not.
      const isName = operation.http.path.includes(`{${name}}`) && typeof goodInput(operation)[name] === 'string'
      if (isName) {
        expect([200, 400, 404], name).toContain(reply.status)
        continue
      }
      expect(reply.status, name).toBe(400)
      if (!travelsAsText) expect(JSON.stringify(reply.json.errors), name).toContain(`/${name}`)
    }
  })

  test('a caller without a key, or with one that lacks the scope, is refused', async () => {
    const http = await server({ host: '0.0.0.0' })
    const { method, path, json } = requestOf(operation, goodInput(operation))
    const anonymous = await http.call(method, path, { json })
    if (operation.scope === null) {
      expect(anonymous.status).toBe(200)
      return
    }
    expect(anonymous.status).toBe(401)
    expect(anonymous.headers.get('www-authenticate')).toContain('Bearer')
    const wrong = await http.call(method, path, { json, headers: { authorization: 'Bearer at_nonsense' } })
    expect(wrong.status).toBe(401)
    const { key } = await http.turbo.access.createKey({ name: 'worker', scopes: ['worker'] })
    const lacking = await http.call(method, path, { json, headers: { authorization: `Bearer ${key}` } })
    expect(lacking.status).toBe(403)
    expect(lacking.json.detail).toContain(operation.scope)
    expect(http.turbo.calls.length).toBe(1)
  })

  test('a body that is too large is refused before it is read', async () => {
    if (!takesBody(operation.http.method)) return expect(goodInput(operation)).toBeDefined()
    const http = await server()
    const { method, path } = requestOf(operation, goodInput(operation))
    const headers = { 'content-type': 'application/json', 'content-length': '64000001' }
    const reply = await http.call(method, path, { body: '{}', headers })
    expect(reply.status).toBe(413)
    expect(reply.json.code).toBe('payload_too_large')
  })

  test('nothing a caller can send is answered with more than a problem', async () => {
    const http = await server()
    const anything = fc.oneof(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(...NASTY))
    const fields = Object.keys(inputFields(operation.input))
    const name = fc.oneof(fc.constantFrom(...fields, 'id'), fc.string())
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, anything, { maxKeys: 5 }), async (damage) => {
        const { method, path, json } = requestOf(operation, { ...goodInput(operation), ...damage })
        const reply = await http.call(method, path, { json })
        expect(reply.status).toBeLessThan(500)
        if (reply.status >= 400 && method !== 'HEAD')
          expect(reply.json).toMatchObject({ status: reply.status, code: expect.any(String) })
        expect(reply.text).not.toMatch(/node_modules|\.ts:\d/)
      }),
      { numRuns: 60 },
    )
  })
})

/** Fields that take every JSON object. */
const ANY_OBJECT = ['metadata', 'facts', 'input_data', 'output_data']

const NASTY: unknown[] = [
  '\0',
  '\ud800',
  'x\udfff',
  '',
  ' ',
  "'; drop table agent_knowledge; --",
  'a & | ! :* <-> (',
  '2026-02-30T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '2026-01-01T00:00:00+23:59',
  1e308,
  -1,
  0,
  2 ** 53,
  1.5,
  [],
  {},
  null,
  { a: { b: [] } },
  Array.from({ length: 2_000 }, () => 'x'),
  'x'.repeat(30_000),
]
