import type { Check } from '../doctor/report.ts'
import type { View } from '../terminal.ts'
import { printable } from './text.ts'

const NAME_COLUMNS = 14
const STATUS_COLUMNS = 8

/** One check: a line, and a second one with what to do where something is wrong. */
export function renderCheck({ name, status, detail, fix }: Check, { style }: View): string {
  const colour = { ok: style.green, warn: style.yellow, fail: style.red, skipped: style.dim }[status]
  const line = `${colour(status.padEnd(STATUS_COLUMNS))}${name.padEnd(NAME_COLUMNS)}  ${printable(detail)}`
  return fix === undefined ? line : `${line}\n${' '.repeat(STATUS_COLUMNS)}${style.cyan('next:')} ${printable(fix)}`
}
