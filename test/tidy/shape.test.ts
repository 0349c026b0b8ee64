import { expect, test } from 'vitest'
import {
  defaultExportViolations,
  emptyCatchViolations,
  fileLengthViolations,
  functionLengthViolations,
  leftoverViolations,
} from './shape.ts'
import { parse, readSources, show } from './source.ts'

const product = readSources('src', 'scripts', 'bench')
const all = [...product, ...readSources('test')]
const lines = (count: number) => 'x()\n'.repeat(count)

test('no file has more than 300 lines, statements and tests 500', () => {
  expect(show(fileLengthViolations(all))).toEqual([])
  expect(show(fileLengthViolations([parse('src/a.ts', lines(301))]))).toEqual([
    'src/a.ts:301 the file has 301 lines, more than 300',
  ])
  expect(show(fileLengthViolations([parse('src/a/queries.ts', lines(501))]))).toHaveLength(1)
  const fitting = [
    parse('src/a.ts', lines(300)),
    parse('src/a/b-queries.ts', lines(500)),
    parse('test/a.ts', lines(500)),
  ]
  expect(fileLengthViolations(fitting)).toEqual([])
})

test('no function has more than 70 lines', () => {
  expect(show(functionLengthViolations(product))).toEqual([])
  const body = lines(69)
  const long = [
    `function a() {\n${body}}`,
    `const a = () => {\n${body}}`,
    `const a = function () {\n${body}}`,
    `class A { a() {\n${body}} }`,
  ]
  for (const text of long) {
    expect(show(functionLengthViolations([parse('src/a.ts', text)]))).toEqual([
      'src/a.ts:1 a function of 71 lines, more than 70',
    ])
  }
  const fitting = [`function a() {\n${lines(68)}}`, `const a = () => sql\`${lines(90)}\``]
  for (const text of fitting) expect(functionLengthViolations([parse('src/a.ts', text)])).toEqual([])
})

test('no comment leaves work undone', () => {
  expect(show(leftoverViolations(all))).toEqual([])
  const planted = ['// TODO later', '/* FIXME */', '/**\n * XXX\n */', '// HACK: x']
  for (const text of planted) expect(leftoverViolations([parse('src/a.ts', text)])).toHaveLength(1)
  expect(leftoverViolations([parse('src/a.ts', 'const list = "TODO"')])).toEqual([])
})

test('no error is swallowed without saying why', () => {
  expect(show(emptyCatchViolations(all))).toEqual([])
  for (const text of ['try { a() } catch {}', 'try { a() } catch (e) { }', 'a().catch(() => {})'])
    expect(show(emptyCatchViolations([parse('src/a.ts', text)]))).toEqual([
      'src/a.ts:1 an empty catch without a reason',
    ])
  const explained = 'try { a() } catch {\n  // It has ended already.\n}'
  expect(emptyCatchViolations([parse('src/a.ts', explained)])).toEqual([])
})

test('nothing is exported by default', () => {
  expect(show(defaultExportViolations(all))).toEqual([])
  expect(defaultExportViolations([parse('src/a.ts', 'export default 1')])).toHaveLength(1)
})
