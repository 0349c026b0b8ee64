import type { EndClass } from './end-class.ts'
import type { StopReason } from './process/index.ts'
import { resetTimeIn } from './reset-time.ts'
import type { Failure, Runner } from './runners/index.ts'

/** Everything that is known of how a run ended. */
export interface RunEvidence {
  runner: Pick<Runner, 'failures' | 'exitCodes' | 'successBy'>
  /** Why we stopped it, null when it ended by itself. */
  stopReason: StopReason | null
  exitCode: number | null
  signal: string | null
  /** The first result it told, unless a failure that only our stopping caused; null when it told none. */
  result: { failure: Failure | null } | null
  /** The last that was said of the account's limit. */
  usageLimit: { isReached: boolean; resetsAt: Date | null } | null
  /** Tools that were refused to the agent. */
  denied: readonly string[]
  /** The end of what it wrote to standard error. */
  stderr: string
}

/** How a run ended. */
export interface End {
  endClass: EndClass
  /** One sentence for whoever reads the record. What the CLI wrote is quoted in it, cut. */
  detail: string
  /** When the account's limit is over, where that was told. */
  resetsAt: Date | null
}

/** What the checks of the result said; `none` when the task has none. */
export type GateVerdict = 'none' | 'passed' | 'failed'

const QUOTED_CHARS_MAX = 500

/** What a provider's HTTP status means, where the CLI's words do not say more. */
const STATUS_CLASSES: Readonly<Record<number, EndClass>> = {
  401: 'auth',
  402: 'billing',
  403: 'auth',
  413: 'context_too_long',
  429: 'rate_limited',
  500: 'overloaded',
  502: 'overloaded',
  503: 'overloaded',
  504: 'overloaded',
  529: 'overloaded',
}

/**
 * The one class a run's end belongs to. What was achieved goes before how the process ended: a run whose result was
 * there is not undone by a process that would not go away. Only fencing goes before that, as nobody takes the result.
 */
export function classifyEnd(evidence: RunEvidence, gate: GateVerdict, now: Date): End {
  const { stopReason, result, denied } = evidence
  if (stopReason === 'fenced') return end('fenced', 'another attempt owns the task')
  if (succeeded(evidence)) {
    if (gate === 'failed') return end('gate_failed', 'the result did not pass the checks of the task')
    // Without checks nothing tells whether the agent found another way or gave up.
    if (gate === 'none' && denied.length > 0) {
      return end('permission_denied', `refused to the agent: ${[...new Set(denied)].join(', ')}`)
    }
    return end('ok', 'finished')
  }
  if (result?.failure != null) return classifyFailure(result.failure, evidence, now)
  if (stopReason !== null) return end(stopReason, STOP_DETAILS[stopReason])
  return classifySilence(evidence, now)
}

const STOP_DETAILS: Readonly<Record<StopReason, string>> = {
  timeout: 'ran longer than the task allows',
  stalled: 'neither said nor did anything for longer than the task allows',
  cancelled: 'cancelled',
  budget: 'used up the turns, the money or the output that it may have',
  fenced: 'another attempt owns the task',
}

function succeeded({ runner, result, stopReason, exitCode }: RunEvidence): boolean {
  if (runner.successBy === 'exit_code') return stopReason === null && exitCode === 0
  return result !== null && result.failure === null
}

function classifyFailure(failure: Failure, evidence: RunEvidence, now: Date): End {
  const { message, status, code } = failure
  const said = `the agent reports: ${quote(message || code || 'no reason')}`
  if (evidence.usageLimit?.isReached) return end('usage_limit', said, evidence.usageLimit.resetsAt)
  const endClass =
    byWords(message, evidence) ??
    (code === 'prompt_too_long' ? 'context_too_long' : undefined) ??
    (status === null ? undefined : STATUS_CLASSES[status]) ??
    byExitCode(evidence) ??
    'crashed'
  return end(endClass, said, resetsAtOf(endClass, message, evidence, now))
}

/** It told no result: what is left are its last words and its exit code, of which 0 does not mean success. */
function classifySilence(evidence: RunEvidence, now: Date): End {
  const { exitCode, signal, stderr, runner } = evidence
  const how = signal === null ? `ended with exit code ${exitCode}` : `was ended by ${signal}`
  const said = stderr.trim() === '' ? `${how}, without a word` : `${how}: ${quote(stderr.trim())}`
  if (exitCode === 0 && runner.successBy === 'result') return end('no_result', 'ended without a result')
  const endClass = byWords(stderr, evidence) ?? byExitCode(evidence) ?? 'crashed'
  return end(endClass, said, resetsAtOf(endClass, stderr, evidence, now))
}

function byWords(text: string, { runner }: RunEvidence): EndClass | undefined {
  return runner.failures.find(([pattern]) => pattern.test(text))?.[1]
}

function byExitCode({ exitCode, runner }: RunEvidence): EndClass | undefined {
  return exitCode === null ? undefined : runner.exitCodes[exitCode]
}

function resetsAtOf(endClass: EndClass, text: string, { usageLimit }: RunEvidence, now: Date): Date | null {
  if (endClass !== 'usage_limit' && endClass !== 'rate_limited') return null
  return usageLimit?.resetsAt ?? resetTimeIn(text, now)
}

function end(endClass: EndClass, detail: string, resetsAt: Date | null = null): End {
  return { endClass, detail, resetsAt }
}

/** The end of it: what went wrong stands there, above it is where in the program. */
function quote(text: string): string {
  return text.length <= QUOTED_CHARS_MAX ? text : `…${text.slice(-QUOTED_CHARS_MAX)}`
}
