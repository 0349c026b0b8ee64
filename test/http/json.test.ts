import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isTurboError } from '../../src/base/errors.ts'
import { parseJson } from '../../src/http/json.ts'

function refusalOf(text: string): string {
  try {
    parseJson(text)
  } catch (error) {
    if (isTurboError(error, 'invalid_input')) return error.message
    throw error
  }
  throw new Error('accepted')
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('what JSON writes is read back', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      expect(parseJson(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test.each([
  ['', 0],
  ['{', 1],
  ['{"a":}', 5],
  ['{"a" 1}', 5],
  ['{"a":1,}', 7],
  ['[1,]', 3],
  ['[1 2]', 3],
  ['{a:1}', 1],
  ['{"a":1}}', 7],
  ['01', 0],
  ['nul', 0],
  ['"abc', 4],
  ['"a\\\\\\x"', 4],
  ['"a\nb"', 2],
  ['[1}', 2],
  ["{'a':1}", 1],
  ['[NaN]', 1],
  [' \n x', 3],
])('%j is refused at position %i', (text, position) => {
  expect(refusalOf(text)).toContain(`position ${position}, line`)
})

test('line and column count from one', () => {
  expect(refusalOf('{\n  "a": x\n}')).toContain('position 9, line 2, column 8')
})

test('any damage to a JSON text is answered with a place inside it', () => {
  const damaged = fc
    .tuple(fc.json(), fc.nat(), fc.string({ minLength: 1, maxLength: 2 }))
    .map(([text, at, noise]) => text.slice(0, at % (text.length + 1)) + noise + text.slice(at % (text.length + 1)))
  fc.assert(
    fc.property(damaged, (text) => {
      if (isJson(text)) return
      const at = Number(/position (\d+)/.exec(refusalOf(text))?.[1])
      expect(at).toBeLessThanOrEqual(text.length)
      // What comes before the place is JSON or its beginning: if it fails, then only because it ends there.
      const before = text.slice(0, at)
      if (!isJson(before)) expect(refusalOf(before)).toContain(`position ${at},`)
    }),
    { numRuns: 2_000 },
  )
})

test('64 levels pass, 65 do not, brackets in strings do not count', () => {
  expect(parseJson('['.repeat(64) + ']'.repeat(64))).toBeInstanceOf(Array)
  expect(refusalOf('['.repeat(65) + ']'.repeat(65))).toContain('deeper than 64')
  expect(parseJson(JSON.stringify('[{"\\'.repeat(100)))).toBe('[{"\\'.repeat(100))
})

test('eight megabytes of brackets, quotes or backslashes are refused in no time', () => {
  const startedMs = performance.now()
  for (const unit of ['[', '{"a":', '"\\', '"', '1 ', '\\', '[]', '"a",', '{"a":[1,{}],'])
    refusalOf(unit.repeat(8_000_000 / unit.length))
  expect(performance.now() - startedMs).toBeLessThan(6_000)
})
