import fc from 'fast-check'
import { expect, test } from 'vitest'
import { identifierTokens } from '../../../src/knowledge/text/identifiers.ts'
import { anyText, processorSeconds } from './texts.ts'

const whole = (text: string) => identifierTokens(text).whole
const parts = (text: string) => identifierTokens(text).parts.join(' ')

const DOCUMENT = `
Call \`getUserById(id)\` in src/db/pool.ts:42:7 (see #123 and acme/shop#77), or C:\\work\\app\\Main.cs, /usr/lib/x86.
It failed with ERR_MODULE_NOT_FOUND, E11000, 0x80070005, "SQLSTATE 40001", error TS2345: and ORA-00942.
Fixed by deadbeef12 and 4f2a9c1d0e3b5a6978c0ffee1234567890abcdef in v1.2.3; set DATABASE_URL, $PGHOST_ALT and --max-tokens=5.
Uses foo.bar.Baz, std::vec::Vec, @scope/pkg, lodash@4.17.21, MAX_retry_count and __init__. 使用fetchAll函数。
`

test.each([
  'getUserById',
  'src/db/pool.ts',
  'db/pool.ts',
  'pool.ts',
  'pool.ts:42',
  './src/db/pool.ts',
  '#123',
  '#77',
  'C:\\work\\app\\Main.cs',
  'Main.cs',
  'app/main.cs',
  '/usr/lib/x86',
  'ERR_MODULE_NOT_FOUND',
  'E11000',
  '0x80070005',
  '40001',
  'TS2345',
  'ORA-00942',
  'deadbeef12',
  'deadbeef12f00',
  '4f2a9c1',
  '4f2a9c1d0e',
  'v1.2.3',
  '1.2.3',
  'DATABASE_URL',
  'PGHOST_ALT',
  '--max-tokens',
  'foo.bar.Baz',
  'bar.Baz',
  'vec::Vec',
  'std::vec::Vec',
  '@scope/pkg',
  'lodash@4.17.21',
  '4.17.21',
  'MAX_retry_count',
  '__init__',
  'fetchAll',
])('a query for %s hits the document that holds it', (query) => {
  const held = new Set(whole(DOCUMENT))
  expect(whole(query).filter((token) => held.has(token))).not.toEqual([])
})

test('running text holds no identifiers', () => {
  const prose =
    'The well-known planner, e.g. that of PostgreSQL 15, reads 3.14 times as fast. On 2024-01-15 it was 12:30! #'
  expect(whole(prose)).toEqual(['postgresql'])
  expect(parts('The planner reads fast.')).toBe('')
})

test.each([
  ['getUserById', 'get user by id'],
  ['HTTPServerError', 'http server error'],
  ['max_retry_count', 'max retry count'],
  ['src/db/pool.ts', 'src db pool ts'],
  ['foo.bar.BazQux', 'foo bar baz qux'],
  ['ERR_MODULE_NOT_FOUND', 'err module not found'],
  ['größeMax', 'größe max'],
  ['sha256', ''],
  ['deadbeef12', ''],
])('the words inside %s are %j', (name, expected) => {
  expect(parts(name)).toBe(expected)
})

test('names around punctuation are found whole', () => {
  expect(whole('(foo_a), "foo_b"; [foo_c]. `foo_d`: foo_e! ...foo_f, key:foo_g')).toEqual(
    [...'abcdefg'].map((letter) => `foo_${letter}`),
  )
})

test('both Unicode forms of a name are one', () => {
  expect(whole('gro\u0308ße_max')).toEqual(whole('größe_max'))
})

test('the lists are bounded, and blobs left out', () => {
  const many = Array.from({ length: 5_000 }, (_, i) => `name_${i}`).join(' ')
  const found = identifierTokens(many)
  expect([found.whole.length, found.parts.length]).toEqual([2_000, 8_000])
  expect(whole(`a_${'b'.repeat(300)}`)).toEqual([])
})

test('whatever the text: tokens are lower-case, distinct, at most 200 characters', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const found = identifierTokens(text)
      expect(new Set(found.whole).size).toBe(found.whole.length)
      for (const token of [...found.whole, ...found.parts]) {
        expect(token).toBe(token.toLowerCase())
        expect(token.length).toBeLessThanOrEqual(200)
        expect(token.trim()).toBe(token)
      }
    }),
  )
})

test.each(['a', 'a/', 'a.', '--a', '::', '.', 'aB1_c.d/e:f#1 ', `${'a'.repeat(198)}- `, `${'.'.repeat(199)} `, '#1'])(
  'a megabyte of %j is scanned in linear time',
  (unit) => {
    const text = unit.repeat(1_000_000 / unit.length)
    expect(processorSeconds(() => identifierTokens(text))).toBeLessThan(5)
  },
)
