import { TurboError } from '../base/errors.ts'
import { toWire } from '../base/wire.ts'
import { exitCodeOf, Interrupted } from './exit.ts'
import { printable } from './render/text.ts'
import type { Style } from './terminal.ts'

/** Any thrown value as the text of standard error: what went wrong, where, and the next step to take. */
export function renderFailure(error: unknown, style: Style): string {
  if (error instanceof Interrupted) return 'interrupted'
  const { message, next, errors = [] } = publicFailure(error)
  const lines = [`${style.red('error:')} ${printable(message)}`]
  // A single wrong field is what the message is about already.
  if (errors.length > 1) {
    for (const { pointer, detail } of errors) lines.push(`  ${printable(`${pointer.slice(1) || 'input'}: ${detail}`)}`)
  }
  if (next !== undefined) lines.push(`${style.cyan('next:')} ${printable(next)}`)
  return lines.join('\n')
}

/** The same as one line of JSON, for programs. */
export function failureJson(error: unknown): string {
  const exitCode = exitCodeOf(error)
  if (error instanceof Interrupted) return JSON.stringify({ code: 'interrupted', exit_code: exitCode })
  const { code, message: detail, next, errors } = publicFailure(error)
  return JSON.stringify(toWire({ code, detail, next, errors, exitCode }))
}

function publicFailure(error: unknown): TurboError {
  if (error instanceof TurboError) return error
  const system = error as NodeJS.ErrnoException
  // What the operating system refuses names a path and a reason; anything else is ours to repair.
  if (error instanceof Error && typeof system.syscall === 'string') {
    return new TurboError('invalid_input', error.message, { cause: error })
  }
  return new TurboError('internal', `a bug: ${error instanceof Error ? error.stack : String(error)}`, {
    next: 'Report it with this text and what you did.',
  })
}
