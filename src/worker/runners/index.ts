import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { command, shell } from './command.ts'
import { cursor } from './cursor.ts'
import { gemini } from './gemini.ts'
import { opencode } from './opencode.ts'
import type { Runner } from './port.ts'

export type { Failure, LoginState, OptionalPart, Permission, RunEvent, Runner, RunRequest } from './port.ts'

/** Those that need no opting in. */
export const AGENT_RUNNERS: readonly Runner[] = [claudeCode, codex, gemini, cursor, opencode]

/**
 * The runners of a worker, by platform.
 *
 * @param options `shell`: tasks may be scripts for `sh`
 */
export function createRunners(options: { shell: boolean }): ReadonlyMap<string, Runner> {
  const runners = [...AGENT_RUNNERS, command, ...(options.shell ? [shell] : [])]
  return new Map(runners.map((runner) => [runner.platform, runner]))
}
