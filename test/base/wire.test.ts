import fc from 'fast-check'
import { expect, expectTypeOf, test } from 'vitest'
import { type FromWire, fromWire, type ToWire, toWire } from '../../src/base/wire.ts'

test('keys change at every depth, values never', () => {
  const domain = { createdAt: 'aB', items: [{ contentHash: 'x_y', bm25: 1, nested: { exactRerun: true, none: null } }] }
  const wire = {
    created_at: 'aB',
    items: [{ content_hash: 'x_y', bm25: 1, nested: { exact_rerun: true, none: null } }],
  }
  expect(toWire(domain)).toEqual(wire)
  expect(fromWire(wire)).toEqual(domain)
})

test("the user's own JSON is passed by reference in both directions", () => {
  const theirs = { camelCase: { snake_case: 1 } }
  expect(toWire({ metadata: theirs, inputData: theirs }).metadata).toBe(theirs)
  expect(fromWire({ items: [{ input_data: theirs }] }).items[0]?.inputData).toBe(theirs)
})

test('absent fields stay absent', () => {
  expect(Object.keys(toWire({ a: undefined, b: null }))).toEqual(['b'])
})

test('a key __proto__ is dropped', () => {
  const out = fromWire(JSON.parse('{"__proto__":{"polluted":1},"a":1}'))
  expect(Object.getPrototypeOf(out)).toBe(Object.prototype)
  expect(out).toEqual({ a: 1 })
})

test('there and back is the same for every name of ours', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/)
  const name = fc
    .array(word, { minLength: 1, maxLength: 4 })
    .map((words) => words.join('_'))
    .filter((key) => !/_\d/.test(key) && !['metadata'].includes(key))
  fc.assert(
    fc.property(fc.dictionary(name, fc.oneof(fc.integer(), fc.array(fc.dictionary(name, fc.string())))), (wire) => {
      expect(toWire(fromWire(wire))).toEqual(wire)
    }),
  )
})

test('the types say the same', () => {
  type Domain = { createdAt: string; tags: string[]; source?: { someUrl: string | null }; metadata: { keepMe: 1 } }
  type Wire = { created_at: string; tags: string[]; source?: { some_url: string | null }; metadata: { keepMe: 1 } }
  expectTypeOf<ToWire<Domain>>().toEqualTypeOf<Wire>()
  expectTypeOf<FromWire<Wire>>().toEqualTypeOf<Domain>()
})
