import { expect, test } from 'vitest'
import { countTests, type Report } from '../../scripts/test-counts.ts'

const file = (status: string, ...statuses: string[]): Report['testResults'][number] => ({
  name: 'a.test.ts',
  status,
  assertionResults: statuses.map((each, index) => ({ status: each, fullName: `test ${index}` })),
})
const suite = (exitCode: number, ...testResults: Report['testResults']) => ({
  name: 'unit',
  exitCode,
  report: { testResults },
})

test('adds up the suites', () => {
  const counts = countTests([
    suite(0, file('passed', 'passed', 'passed')),
    suite(1, file('failed', 'passed', 'failed'), file('passed', 'passed')),
  ])
  expect(counts).toEqual({ passed: 4, failed: 1, failures: ['unit: failed: test 1'] })
})

test.each([
  ['a skipped test', suite(0, file('passed', 'passed', 'skipped')), 'unit: skipped: test 1'],
  ['a file that cannot be loaded', suite(1, file('failed')), 'unit: could not be loaded: a.test.ts'],
  ['an error outside of the tests', suite(1, file('passed', 'passed')), 'unit: exit code 1, though no test failed'],
  ['a suite without tests', suite(0), 'unit: ran no test'],
  ['a suite that was killed', { name: 'unit', exitCode: 124, report: null }, 'unit: ended without a report'],
])('%s counts as failed', (_, given, failure) => {
  expect(countTests([given]).failures).toContain(failure)
})

test('no suite at all is a failure', () => {
  expect(countTests([])).toEqual({ passed: 0, failed: 1, failures: ['no suite was run'] })
})
