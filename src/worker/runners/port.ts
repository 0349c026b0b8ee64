import type { EndClass } from '../end-class.ts'
import type { UsageReport } from '../usage.ts'

/**
 * What an agent may do without being asked, as nobody is there to be asked: look, look and change files in its working
 * directory, or anything. Each CLI has its own words for it.
 */
export type Permission = 'read' | 'edit' | 'full'

/** One run, in terms that hold for every runner. What a runner cannot do is refused and not ignored. */
export interface RunRequest {
  prompt: string
  /** Absolute path of an existing directory. */
  cwd: string
  permission: Permission
  /** As the CLI spells it; its own default when absent. */
  model?: string
  effort?: string
  /** The only tools the agent has, by the CLI's names. */
  tools?: readonly string[]
  turnsMax?: number
  budgetUsd?: number
  /** JSON Schema of the result. */
  schema?: Record<string, unknown>
  /** Go on in this session of the CLI. */
  resumeSessionId?: string
  /** For the runners that are no agents: what to run instead of a prompt. */
  argv?: readonly string[]
  script?: string
  /** Further variables; the store's secrets are left out whatever is said here. */
  env?: Readonly<Record<string, string>>
}

/** How a program is started for a run. */
export interface Invocation {
  args: string[]
  /** Instead of the runner's command. */
  file?: string
  stdin: string | null
  /** Variables the run needs. */
  env?: Record<string, string>
  /** Files put into the scratch folder of the run beforehand. */
  files?: { name: string; text: string }[]
}

/** Why a run failed, as the CLI says it. */
export interface Failure {
  message: string
  /** HTTP status of the model's provider, where it is told. */
  status: number | null
  /** The CLI's own word for it. */
  code: string | null
}

/** What one line of output tells. A line tells nothing, one thing or several. */
export type RunEvent =
  | { kind: 'session'; sessionId: string; model: string | null }
  /** `delta`: continues the text before it. */
  | { kind: 'text'; text: string; delta?: boolean }
  | { kind: 'tool'; name: string; input: unknown }
  | { kind: 'tool_end'; name: string | null; isError: boolean }
  /** The model begins another answer, or has given one. */
  | { kind: 'turn' }
  | { kind: 'usage'; report: UsageReport }
  /** The account's limit, where a CLI tells it apart from a passing throttle. */
  | { kind: 'usage_limit'; isReached: boolean; resetsAt: Date | null }
  /** Tools the agent was not allowed to use. */
  | { kind: 'denied'; tools: string[] }
  /** Something the CLI warns of, or tries again. */
  | { kind: 'notice'; text: string }
  /** The end, as the CLI tells it. `text` is null where the last text is the result. */
  | { kind: 'result'; text: string | null; structured?: unknown; failure: Failure | null }

/** A text by which a CLI tells a failure that it has no code for. */
export type FailurePattern = [pattern: RegExp, endClass: EndClass]

export interface LoginCheck {
  args: string[]
  /** What the answer means. */
  read(outcome: { exitCode: number | null; stdout: string; stderr: string }): LoginState
}

export type LoginState = 'yes' | 'no' | 'unknown'

/** An agent CLI, or another kind of program: data, and pure functions between our terms and its own. */
export interface Runner {
  readonly platform: string
  /** The program, as found on the PATH unless the configuration says where it is. */
  readonly command: string
  readonly format: 'jsonl' | 'text'
  /** What tells success: a result in the output, or the exit code alone. */
  readonly successBy: 'result' | 'exit_code'
  /** Which parts of a request it understands; others are refused. */
  readonly takes: readonly OptionalPart[]
  /** Limits that the CLI keeps by itself; the others are kept by counting its events. */
  readonly keeps: readonly ('turnsMax' | 'budgetUsd')[]
  /** Variables it may see: its own login and settings, nobody else's. */
  readonly environment: readonly string[]
  /** @param scratch folder of the run's own, for what must be given as a file */
  invocation(request: RunRequest, scratch: string): Invocation
  /** Unknown lines tell nothing. Never throws. */
  parseLine(line: string): RunEvent[]
  readonly failures: readonly FailurePattern[]
  readonly exitCodes: Readonly<Record<number, EndClass>>
  readonly versionArgs: string[]
  /** Null where the CLI has no such command. */
  readonly login: LoginCheck | null
}

export type OptionalPart =
  | 'model'
  | 'effort'
  | 'tools'
  | 'turnsMax'
  | 'budgetUsd'
  | 'schema'
  | 'resumeSessionId'
  | 'argv'
  | 'script'
