import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import { openApiDocument } from '../../src/http/index.ts'
import type { OpenApiOperation } from '../../src/http/openapi.ts'
import { operations } from '../../src/operations/index.ts'

const document = openApiDocument(operations, '1.2.3')
const all: OpenApiOperation[] = Object.values(document.paths).flatMap((methods) => Object.values(methods))

test('the document is OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)))
  expect(errors ?? []).toEqual([])
  expect(valid).toBe(true)
})

test('every operation is there once, with a short description', () => {
  expect(all.map(({ operationId }) => operationId).sort()).toEqual(operations.map(({ name }) => name).sort())
  expect(new Set(operations.map(({ http }) => `${http.method} ${http.path}`)).size).toBe(operations.length)
  for (const { summary, description, parameters } of all) {
    expect(summary.length).toBeLessThanOrEqual(300)
    expect(description.length).toBeLessThanOrEqual(300)
    for (const parameter of parameters)
      if ('name' in parameter) expect(parameter.description?.length ?? 0).toBeLessThanOrEqual(300)
  }
})

test('importers find no union with null, objects have properties, refs lead somewhere', () => {
  const text = JSON.stringify(document)
  expect(text).not.toMatch(/"anyOf":\[[^[\]]*\{"type":"null"\}/)
  for (const [, name] of text.matchAll(/"#\/components\/([^"]+)"/g)) {
    const found = String(name)
      .split('/')
      .reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], document.components)
    expect(found, name).toBeDefined()
  }
})

test('input is described as strictly as it is checked, answers may grow', () => {
  const add = document.paths['/v1/knowledge']?.post
  const body = add?.requestBody?.content['application/json']?.schema
  expect(body).toMatchObject({ type: 'object', additionalProperties: false, required: ['content'] })
  expect(body?.properties?.content).toMatchObject({ type: 'string', minLength: 1, maxLength: 5_000_000 })
  expect(body?.properties?.metadata).toMatchObject({ type: 'object' })
  expect(JSON.stringify(add?.responses)).not.toContain('additionalProperties":false')
  expect(Object.keys(add?.responses ?? {})).toEqual(['200', '201', 'default'])
  const batch = document.paths['/v1/knowledge/batch']?.post?.requestBody?.content['application/json']?.schema
  expect(batch?.properties?.items?.items?.required).toEqual(['content'])
})

test('query strings are described field by field', () => {
  const names = document.paths['/v1/knowledge']?.get?.parameters.map((parameter) =>
    'name' in parameter ? parameter.name : '',
  )
  expect(names).toEqual(expect.arrayContaining(['limit', 'tags', 'source.url', 'include_history']))
  expect(names).not.toContain('source')
})
