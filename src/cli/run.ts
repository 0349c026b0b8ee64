import { type Command, CommanderError } from 'commander'
import { type CommandContext, withContext } from './context.ts'
import { EXIT, exitCodeOf, Interrupted } from './exit.ts'
import { asFailure, failureJson, renderFailure } from './failure.ts'
import { buildProgram } from './program.ts'
import { Terminal } from './terminal.ts'

/** npm passes on the signal that the terminal has sent to everyone already: within this time it is one Ctrl-C. */
const SAME_SIGNAL_MS = 500

/** Runs one command line; gives the exit code after everything was said. */
export async function run(argv: readonly string[]): Promise<number> {
  endWithReader()
  const signal = interruptOnSignals()
  let exitCode: number = EXIT.ok
  function bind<Args extends unknown[]>(work: (context: CommandContext, ...args: Args) => Promise<void>) {
    return async (...given: unknown[]) => {
      const command = given.at(-1) as Command
      // Commander gives the arguments, then the options, then the command.
      const args = given.slice(0, -1) as Args
      exitCode = await withContext(command.optsWithGlobals(), signal, (context) => work(context, ...args))
    }
  }
  try {
    await buildProgram(bind).parseAsync(argv.length === 0 ? ['--help'] : argv, { from: 'user' })
    return exitCode
  } catch (error) {
    // Help or the version was asked for and shown.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    const terminal = new Terminal({ json: argv.includes('--json') })
    const failure = asFailure(error)
    terminal.error(terminal.isJson ? failureJson(failure) : renderFailure(failure, terminal.noteStyle))
    // A store that was still opening when it was interrupted may end at any instruction, and may take its time to open.
    if (failure instanceof Interrupted) process.exit(EXIT.interrupted)
    return exitCodeOf(failure)
  }
}

/** The first signal asks the command to end, a later one ends the process. */
function interruptOnSignals(): AbortSignal {
  const controller = new AbortController()
  let firstMs = 0
  const onSignal = () => {
    if (controller.signal.aborted && performance.now() - firstMs > SAME_SIGNAL_MS) process.exit(EXIT.interrupted)
    if (controller.signal.aborted) return
    firstMs = performance.now()
    controller.abort()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return controller.signal
}

/** `agent-turbo list | head`: who reads has seen enough, and nothing is wrong. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    throw error
  })
}
