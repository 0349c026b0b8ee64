import { isTurboError, messageOf } from '../base/errors.ts'
import { redactJson, redactText } from '../base/redact.ts'
import {
  type AccountPause,
  type AttemptTrail,
  type BudgetShortage,
  type FinishInput,
  NO_BUDGET,
} from '../orchestrator/index.ts'
import type { End } from './classify.ts'
import { END_ACTIONS, type EndAction } from './end-actions.ts'
import type { EndClass } from './end-class.ts'
import type { RunOutcome } from './run.ts'
import { cleanText } from './storable.ts'

/** What is told of an attempt that has ended; kept in the spool as JSON until it was taken. */
export interface AttemptReport {
  finish: FinishInput
  endClass: string
  /** What the account learns of it: null where the end says nothing of it. */
  account: { clear: string } | { pause: AccountPause } | null
}

/** The account that a run used. */
export interface Account {
  accountKey: string
  platform: string
}

/** Until somebody has logged in or paid; then it is tried again. */
const PROBE_SECONDS = 600
const BACKOFF_SECONDS = 30
/** A limit whose end was not told. */
const UNKNOWN_RESET_SECONDS = 900
/** After a limit's end: the provider's clock is not ours. */
const RESET_MARGIN_SECONDS = 5
/** A message that names a later time was misread. */
const RESET_DAYS_MAX = 8

export interface ReportedEnd {
  end: End
  outcome: RunOutcome
  account: Account
  isHandedBack: boolean
  /** Absent where it is not known what the run did. */
  trail?: AttemptTrail
}

/** What follows from the end of a run. */
export function reportOf(
  attemptId: string,
  { end, outcome, account, isHandedBack, trail }: ReportedEnd,
  now = new Date(),
): AttemptReport {
  const { endClass } = end
  const action = END_ACTIONS[endClass]
  return {
    endClass,
    account: endClass === 'ok' ? { clear: account.accountKey } : pauseOf(action, end, account, now),
    finish: storable({
      attemptId,
      ...decisionOf(endClass, action, isHandedBack),
      outputData: endClass === 'ok' ? resultOf(outcome, account) : undefined,
      errorMessage: endClass === 'ok' ? undefined : end.detail,
      failureClass: endClass === 'ok' ? undefined : endClass,
      exitCode: outcome.process.exitCode ?? undefined,
      cliSessionId: outcome.sessionId ?? undefined,
      usage: { ...outcome.usage },
      costUsd: outcome.usage.costUsd ?? undefined,
      trail,
    }),
  }
}

/** A run that could not begin. What is wrong with the task stays wrong; what is wrong here may pass. */
export function reportOfFailure(attemptId: string, error: unknown): AttemptReport {
  const isTasks = isTurboError(error, 'invalid_input')
  const endClass = isTasks ? 'invalid_input' : 'not_started'
  const finish: FinishInput = {
    attemptId,
    outcome: 'failed',
    failureClass: endClass,
    errorMessage: isTurboError(error) ? messageOf(error) : 'the worker could not begin it',
    usage: {},
    ...(isTasks ? { retry: false } : { infrastructure: true }),
  }
  return { endClass, account: null, finish: storable(finish) }
}

/** How long `attempt_reserve` lets wait who finds the day's budget spent, not only set aside. */
const DAY_SPENT_SECONDS = 600

/**
 * A run that was not begun because a budget has not enough for it. Its task waits, or is held where the money is spent
 * for good; when the day's is, nobody asks for the account's other tasks meanwhile. What is only set aside may soon be free again.
 */
export function reportOfShortage(attemptId: string, shortage: BudgetShortage, account: Account): AttemptReport {
  const { budget, limitUsd, takenUsd, waitSeconds } = shortage
  const errorMessage = `the ${budget} may cost $${limitUsd}, of which $${takenUsd} is spent or set aside`
  const decision =
    waitSeconds === null
      ? ({ outcome: 'failed', hold: 'budget' } as const)
      : { outcome: 'released' as const, waitSeconds }
  const isDayOver = budget === 'day' && waitSeconds !== null && waitSeconds >= DAY_SPENT_SECONDS
  const pause = { ...account, until: null, seconds: DAY_SPENT_SECONDS, reason: 'budget' }
  return {
    endClass: NO_BUDGET,
    account: isDayOver ? { pause } : null,
    finish: { attemptId, failureClass: NO_BUDGET, errorMessage, usage: {}, ...decision },
  }
}

/** A run that was not begun because the worker stops, or whose worker has died: the task goes on elsewhere. */
export function reportOfRelease(attemptId: string, why: 'handed_back' | 'cancelled' | 'worker_lost'): AttemptReport {
  const ends = {
    handed_back: { outcome: 'released' },
    cancelled: { outcome: 'cancelled' },
    worker_lost: { outcome: 'failed', infrastructure: true, errorMessage: 'its worker ended in the middle of it' },
  } as const
  return { endClass: why, account: null, finish: { attemptId, failureClass: why, usage: {}, ...ends[why] } }
}

function decisionOf(endClass: EndClass, { retry, counter, when }: EndAction, isHandedBack: boolean) {
  if (endClass === 'ok') return { outcome: 'completed' } as const
  if (isHandedBack || endClass === 'fenced' || (retry === 'yes' && counter === 'none')) {
    return { outcome: 'released' } as const
  }
  if (endClass === 'cancelled') return { outcome: 'cancelled' } as const
  const outcome = endClass === 'timeout' || endClass === 'stalled' ? 'timed_out' : 'failed'
  if (retry === 'after_a_person') return { outcome, hold: endClass } as const
  return { outcome, retry: retry === 'yes', infrastructure: counter === 'infra', atOnce: when === 'now' } as const
}

function pauseOf({ pauseAccount }: EndAction, { endClass, resetsAt }: End, account: Account, now: Date) {
  if (pauseAccount === 'no') return null
  const latest = now.getTime() + RESET_DAYS_MAX * 86_400_000
  const until = resetsAt === null ? null : new Date(Math.min(resetsAt.getTime(), latest)).toISOString()
  const seconds = {
    until_reset: until === null ? UNKNOWN_RESET_SECONDS : RESET_MARGIN_SECONDS,
    backoff: until === null ? BACKOFF_SECONDS : RESET_MARGIN_SECONDS,
    until_probe: PROBE_SECONDS,
  }[pauseAccount]
  return { pause: { ...account, until, seconds, reason: endClass } }
}

function resultOf({ text, structured, model }: RunOutcome, { platform }: Account): Record<string, unknown> {
  return { text, ...(structured === undefined ? {} : { result: structured }), platform, ...(model && { model }) }
}

/** Without secrets, and without the characters that PostgreSQL cannot store. */
function storable(input: FinishInput): FinishInput {
  const { errorMessage, outputData, trail, cliSessionId } = input
  return {
    ...input,
    ...(errorMessage === undefined ? {} : { errorMessage: cleanText(redactText(errorMessage)) }),
    ...(cliSessionId === undefined ? {} : { cliSessionId: cleanText(cliSessionId) }),
    ...(trail === undefined ? {} : { trail: cleaned(redactJson(trail)) as AttemptTrail }),
    ...(outputData === undefined ? {} : { outputData: cleaned(redactJson(outputData)) as Record<string, unknown> }),
  }
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (Array.isArray(value)) return value.map(cleaned)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [cleanText(key), cleaned(field)]))
}
