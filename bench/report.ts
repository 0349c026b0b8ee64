import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'

/** Prints what a benchmark ran on, so that its figures can be read elsewhere. */
export function printHeader(title: string, input: string): void {
  const [cpu] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  console.log(`# ${title}`)
  console.log(`input    ${input}`)
  console.log(`machine  ${cpus().length} x ${cpu?.model ?? 'unknown'}, ${memory} GiB, Node ${process.version}`)
  console.log(`commit   ${commit()}`)
  console.log(`date     ${new Date().toISOString().slice(0, 16)}Z`)
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    // A packed tarball has no history; the figures are still good.
    return 'unknown'
  }
}

/** The value below which `share` of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function summary(values: readonly number[]): { p50: number; p95: number; p99: number; max: number } {
  return {
    p50: percentile(values, 0.5),
    p95: percentile(values, 0.95),
    p99: percentile(values, 0.99),
    max: percentile(values, 1),
  }
}

export function milliseconds({ p50, p95, p99, max }: ReturnType<typeof summary>): string {
  const show = (value: number) => value.toFixed(2)
  return `p50 ${show(p50)}  p95 ${show(p95)}  p99 ${show(p99)}  max ${show(max)} ms`
}

/** What was promised beside what was measured; `checks.fail()` ends the run with an error when anything was missed. */
export class Checks {
  #missed = 0

  /** `measured` may be at most `limit`. */
  atMost(name: string, measured: number, limit: number, unit: string): void {
    this.#line(name, measured, `<= ${limit}`, unit, measured <= limit)
  }

  atLeast(name: string, measured: number, limit: number, unit: string): void {
    this.#line(name, measured, `>= ${limit}`, unit, measured >= limit)
  }

  get missed(): number {
    return this.#missed
  }

  #line(name: string, measured: number, limit: string, unit: string, met: boolean): void {
    if (!met) this.#missed += 1
    const value = measured >= 100 ? measured.toFixed(0) : measured.toFixed(measured < 1 ? 4 : 2)
    console.log(`${met ? 'met ' : 'MISS'}  ${name.padEnd(44)} ${value.padStart(9)} ${unit.padEnd(5)} (${limit})`)
  }
}
