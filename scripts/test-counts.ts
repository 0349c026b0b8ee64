/**
 * Adds up what the test suites of `.ci/run` reported. `tsx scripts/test-counts.ts <folder>`: the folder holds one
 * `<suite>.exit` (its exit code) and one `<suite>.json` (vitest's JSON report) a suite. The last line printed is
 * `N passed, N failed`; the exit code is 0 only when something passed and nothing failed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** What is read of vitest's JSON report. */
export interface Report {
  testResults: {
    name: string
    status: string
    assertionResults: { status: string; fullName: string }[]
  }[]
}

/** How one suite went; `report` is null when it ended without writing one. */
export interface Suite {
  name: string
  exitCode: number
  report: Report | null
}

export interface Counts {
  passed: number
  failed: number
  /** One line for each thing that failed. */
  failures: string[]
}

/**
 * A test that did not run has not passed: skipped ones count as failed, and so does a file that could not be loaded, a
 * suite without a report, and one that failed for another reason than its tests, such as an error outside of them.
 */
export function countTests(suites: Suite[]): Counts {
  const each = suites.map(countSuite)
  const failures = each.flatMap((counts) => counts.failures)
  if (suites.length === 0) failures.push('no suite was run')
  const passed = each.reduce((sum, counts) => sum + counts.passed, 0)
  return { passed, failed: failures.length, failures }
}

function countSuite({ name, exitCode, report }: Suite): Counts {
  const files = report?.testResults ?? []
  const tests = files.flatMap((file) => file.assertionResults)
  const passed = tests.filter(({ status }) => status === 'passed').length
  const failures = [
    ...tests.filter(({ status }) => status !== 'passed').map(({ status, fullName }) => `${status}: ${fullName}`),
    ...files
      .filter(({ status, assertionResults }) => status !== 'passed' && assertionResults.length === 0)
      .map((file) => `could not be loaded: ${file.name}`),
  ]
  if (report === null) failures.push('ended without a report')
  if (report !== null && tests.length === 0) failures.push('ran no test')
  if (exitCode !== 0 && failures.length === 0) failures.push(`exit code ${exitCode}, though no test failed`)
  return { passed, failed: failures.length, failures: failures.map((failure) => `${name}: ${failure}`) }
}

function readSuites(folder: string): Suite[] {
  const names = readdirSync(folder).flatMap((file) => (file.endsWith('.exit') ? file.slice(0, -'.exit'.length) : []))
  return names.map((name) => {
    const report = join(folder, `${name}.json`)
    return {
      name,
      exitCode: Number(readFileSync(join(folder, `${name}.exit`), 'utf8')),
      report: existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as Report) : null,
    }
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { passed, failed, failures } = countTests(readSuites(process.argv[2] ?? '.'))
  for (const failure of failures) console.log(failure)
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = passed > 0 && failed === 0 ? 0 : 1
}
