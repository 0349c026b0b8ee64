import { Command, type CommanderError } from 'commander'
import { TurboError } from '../base/errors.ts'
import type { CommandContext } from './context.ts'

/** Turns the work of a command into a commander action: gives it a context, takes away commander's trailing arguments. */
export type Bind = <Args extends unknown[]>(
  work: (context: CommandContext, ...args: Args) => Promise<void>,
) => (...args: unknown[]) => Promise<void>

/** Makes one command of the tree. */
export type CommandFactory = (bind: Bind) => Command

/** A command with its summary and two examples, each without the program's name. */
export function command(name: string, summary: string, examples: readonly [string, string]): Command {
  return plainCommand(name, summary).addHelpText(
    'after',
    `\nExamples:\n${examples.map((example) => `  $ agent-turbo ${example}`).join('\n')}`,
  )
}

/** A command that only holds others. */
export function plainCommand(name: string, summary: string): Command {
  const made = new Command(name).description(summary)
  return (
    made
      .showHelpAfterError(false)
      .showSuggestionAfterError(true)
      .helpOption('-h, --help', 'show this help')
      .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
      // What is wrong is said once, by whoever catches the error.
      .configureOutput({ writeErr: () => undefined })
      .exitOverride((error) => {
        throw error.exitCode === 0 ? error : usageError(error, made)
      })
  )
}

function usageError(error: CommanderError, command: Command): TurboError {
  const path = ['agent-turbo', ...pathOf(command)].join(' ')
  const isCommandMissing = error.code === 'commander.help'
  const message = isCommandMissing ? `${path} needs a command` : error.message.replace(/^error: /, '')
  return new TurboError('invalid_input', message, { next: `Run \`${path} --help\`.` })
}

function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()]
}
