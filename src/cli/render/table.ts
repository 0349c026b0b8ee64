import Table from 'cli-table3'
import type { View } from '../terminal.ts'
import { printable } from './text.ts'

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** Columns under a bold heading, without lines. Numbers are set to the right. */
export function table(heads: readonly string[], rows: readonly (string | number)[][], { style }: View): string {
  const isNumber = heads.map((_, column) => rows.every((row) => typeof row[column] === 'number'))
  const made = new Table({
    head: heads.map((head) => style.bold(head)),
    colAligns: isNumber.map((right) => (right ? 'right' : 'left')),
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) made.push(row.map((cell) => printable(String(cell))))
  return trimLines(made.toString())
}

/** Names and what they are, one a line. */
export function facts(entries: readonly (readonly [string, string | number])[], { style }: View): string {
  const width = Math.max(...entries.map(([name]) => name.length))
  return entries.map(([name, value]) => `${style.dim(name.padEnd(width))}  ${printable(String(value))}`).join('\n')
}

function trimLines(text: string): string {
  return text.replace(/[ \t]+$/gm, '')
}
