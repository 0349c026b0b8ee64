import type { Config } from '../config.ts'
import { type Backend, choosePlace, openBackend, openingNote } from './backend.ts'
import { EXIT } from './exit.ts'
import { type GlobalFlags, resolveConfig } from './settings.ts'
import { Terminal } from './terminal.ts'

/** What a command works with; configuration and store are looked at when they are first asked for. */
export interface CommandContext {
  readonly flags: GlobalFlags
  readonly terminal: Terminal
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal
  /** What the process will end with, unless the command throws; a command that only partly succeeds sets it. */
  exitCode: number
  config(): Promise<Config>
  /** Where the verbs run; opened once, closed after the command. */
  backend(): Promise<Backend>
}

/** Runs `work` with a context of its own and closes what it opened, also when it fails; gives the exit code. */
export async function withContext(
  flags: GlobalFlags,
  signal: AbortSignal,
  work: (context: CommandContext) => Promise<void>,
): Promise<number> {
  const terminal = new Terminal({ json: flags.json ?? false })
  let config: Promise<Config> | undefined
  let backend: Promise<Backend> | undefined
  const context: CommandContext = {
    flags,
    terminal,
    signal,
    exitCode: EXIT.ok,
    config() {
      config ??= resolveConfig(flags)
      return config
    },
    backend() {
      backend ??= open(context)
      return backend
    },
  }
  try {
    await work(context)
    return context.exitCode
  } finally {
    // An opening that failed has told its caller.
    const opened = await backend?.catch(() => null)
    await opened?.close()
  }
}

async function open({ config, flags, signal, terminal }: CommandContext): Promise<Backend> {
  const resolved = await config()
  const place = choosePlace(resolved)
  const note = openingNote(place)
  if (note !== null) terminal.note(note)
  return openBackend(place, resolved, { signal, verbose: flags.verbose })
}
