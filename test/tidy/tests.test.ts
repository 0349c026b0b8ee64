import { expect, test } from 'vitest'
import { parse, readSources, show } from './source.ts'
import { repeatedTitleViolations, sleepViolations, switchedTestViolations } from './test-rules.ts'

const tests = readSources('test')

/** Files of test/ that may use timers, each with the reason. */
const timersAllowed: Record<string, string> = {
  'test/db/processes/hold-store.ts': 'a process that stays alive until it is killed',
  'test/db/processes/take-lock.ts': 'a process that starts on a file, and stays alive until it is killed',
  'test/worker/processes/deliver-result.ts': 'a process that stays where it is until it is killed',
}

test('no test is switched off', () => {
  expect(tests.length).toBeGreaterThan(10)
  expect(show(switchedTestViolations(tests))).toEqual([])
})

test.each([
  ["it.only('a', () => {})", 'it.only'],
  ["describe.skip('a', () => {})", 'describe.skip'],
  ["test.skipIf(x)('a', () => {})", 'test.skipIf'],
  ["it.each([1]).skip('a', () => {})", 'it.skip'],
  ["test('a', (ctx) => ctx.skip())", 'ctx.skip'],
  ["test.todo('a')", 'test.todo'],
])('«%s» is refused', (text, detail) => {
  expect(show(switchedTestViolations([parse('test/a.test.ts', text)]))).toEqual([`test/a.test.ts:1 ${detail}`])
})

test('no two tests of a file have the same title', () => {
  expect(show(repeatedTitleViolations(tests))).toEqual([])
  const twice = "test('a', () => {})\nit('a', () => {})"
  expect(show(repeatedTitleViolations([parse('test/a.test.ts', twice)]))).toEqual(["test/a.test.ts:2 again 'a'"])
  const nested = "describe('g', () => { it('a', () => {})\nit.each([1])('a', () => {}) })"
  expect(repeatedTitleViolations([parse('test/a.test.ts', nested)])).toHaveLength(1)
  const apart =
    "describe('g', () => { it('a', () => {}) })\ndescribe('h', () => { it('a', () => {}) })\nit('a', () => {})"
  expect(repeatedTitleViolations([parse('test/a.test.ts', apart)])).toEqual([])
})

test('no test waits for a time', () => {
  expect(show(sleepViolations(tests, timersAllowed))).toEqual([])
  const paths = tests.map(({ path }) => path)
  expect(Object.keys(timersAllowed).filter((path) => !paths.includes(path))).toEqual([])
})

test.each([
  'setTimeout(done, 10)',
  "import { setTimeout as pause } from 'node:timers/promises'",
  'Atomics.wait(a, 0, 0, 9)',
])('«%s» waits for a time', (text) => {
  const planted = [parse('test/a.test.ts', text)]
  expect(sleepViolations(planted, {})).toHaveLength(1)
  expect(sleepViolations(planted, { 'test/a.test.ts': 'a reason' })).toEqual([])
})
