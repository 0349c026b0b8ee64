import { TurboError } from '../base/errors.ts'
import { toWire } from '../base/wire.ts'
import { exitCodeOf, Interrupted } from './exit.ts'
import { printable } from './render/text.ts'
import type { Style } from './terminal.ts'

/** Why a command ended: what it may show, with the code that decides how the process ends. */
export type Failure = TurboError | Interrupted

/** The failure as the text of standard error: what went wrong, where, and the next step to take. */
export function renderFailure(failure: Failure, style: Style): string {
  if (failure instanceof Interrupted) return 'interrupted'
  const { message, next, errors = [] } = failure
  const lines = [`${style.red('error:')} ${printable(message)}`]
  // A single wrong field is what the message is about already.
  if (errors.length > 1) {
    for (const { pointer, detail } of errors) lines.push(`  ${printable(`${pointer.slice(1) || 'input'}: ${detail}`)}`)
  }
  if (next !== undefined) lines.push(`${style.cyan('next:')} ${printable(next)}`)
  return lines.join('\n')
}

/** The same as one line of JSON, for programs. */
export function failureJson(failure: Failure): string {
  const exitCode = exitCodeOf(failure)
  if (failure instanceof Interrupted) return JSON.stringify({ code: 'interrupted', exit_code: exitCode })
  const { code, message: detail, next, errors } = failure
  return JSON.stringify(toWire({ code, detail, next, errors, exitCode }))
}

/** Any thrown value as a failure. */
export function asFailure(error: unknown): Failure {
  if (error instanceof TurboError || error instanceof Interrupted) return error
  const { syscall } = error as NodeJS.ErrnoException
  // What the operating system refuses names a path and a reason; anything else is ours to repair.
  if (error instanceof Error && syscall !== undefined) {
    return new TurboError('invalid_input', error.message, { next: 'Check the path and its permissions.', cause: error })
  }
  return new TurboError('internal', `a bug: ${error instanceof Error ? error.stack : String(error)}`, {
    next: 'Report it with this text and what you did.',
    cause: error,
  })
}
