import type { TaskLogEntry } from '../../client/index.ts'
import type { View } from '../terminal.ts'
import { minute, printable } from './text.ts'

/** The line above what a run said. */
export function renderLogRun({ attemptNumber, loggedAt }: TaskLogEntry, { style }: View): string {
  return style.bold(`run ${attemptNumber}, ${minute(loggedAt)}`)
}

/** What a run said: its words as they are, everything else with its kind before it. */
export function renderLogEntry({ kind, body }: TaskLogEntry, { style }: View): string {
  const said = printable(body).replace(/\n$/, '')
  if (kind === 'text') return said
  const told = `[${kind}] ${said}`
  return kind === 'failure' || kind === 'denied' ? style.red(told) : style.dim(told)
}
