import { isTurboError } from '../base/errors.ts'
import {
  childEnvironment,
  DEFAULT_LIMITS,
  joinKept,
  makeScratch,
  removeScratch,
  startProcess,
} from './process/index.ts'
import type { LoginState, Runner } from './runners/index.ts'

/** What a worker can do with one runner, as its own context shows: its user, its environment, its PATH. */
export interface Capability {
  platform: string
  isInstalled: boolean
  /** The first version number it prints; null when it prints none. */
  version: string | null
  /** `unknown` where the CLI does not tell without using it. */
  loggedIn: LoginState
}

const PROBE_TIMEOUT_MS = 30_000

/** Asks the program itself, with two short runs of it. */
export async function probe(
  runner: Runner,
  environment: Readonly<Record<string, string | undefined>>,
  program: string = runner.command,
): Promise<Capability> {
  const { platform, versionArgs, login } = runner
  // A program of the request's own is there or is not, when the time comes.
  if (versionArgs.length === 0) return { platform, isInstalled: true, version: null, loggedIn: 'unknown' }
  const ask = (args: string[]) => outcomeOf(runner, environment, program, args)
  const answer = await ask(versionArgs)
  if (answer === null || answer.exitCode !== 0)
    return { platform, isInstalled: false, version: null, loggedIn: 'unknown' }
  const [version = null] = /\d+\.\d+[\w.-]*/.exec(answer.stdout) ?? []
  const state = login === null ? null : await ask(login.args)
  return {
    platform,
    isInstalled: true,
    version,
    loggedIn: state === null ? 'unknown' : (login?.read(state) ?? 'unknown'),
  }
}

async function outcomeOf(
  runner: Runner,
  environment: Readonly<Record<string, string | undefined>>,
  file: string,
  args: string[],
) {
  const scratch = await makeScratch()
  try {
    const { ended } = await startProcess({
      file,
      args,
      cwd: scratch,
      env: childEnvironment({ source: environment, names: runner.environment, values: {} }),
      stdin: null,
      scratch,
      runId: `probe-${runner.platform}`,
      format: 'text',
      limits: { ...DEFAULT_LIMITS, timeoutMs: PROBE_TIMEOUT_MS },
      onLine: () => undefined,
    })
    const { exitCode, stdout, stderr } = await ended
    return { exitCode, stdout: joinKept(stdout), stderr: joinKept(stderr) }
  } catch (error) {
    if (isTurboError(error, 'unavailable')) return null
    throw error
  } finally {
    await removeScratch(scratch)
  }
}
