import type { EndClass } from './end-class.ts'

/** What follows from the end of an attempt. */
export interface EndAction {
  /**
   * `no`: the attempt decides the task, or somebody else does. `yes`: the task waits for its next attempt.
   * `after_a_person`: the task is blocked until someone has changed something.
   */
  retry: 'no' | 'yes' | 'after_a_person'
  /** Which of the task's counters the retry uses up; waiting for an account uses up none. */
  counter: 'task' | 'infra' | 'none'
  /** When the next attempt may start: at once, after {@link retryDelayMs}, or when the account is no longer paused. */
  when: 'now' | 'backoff' | 'account'
  /** Whether the next attempt goes on in the session of the CLI, or leaves what it holds behind. */
  session: 'resume' | 'fresh'
  /** True when another platform may take the task meanwhile, where the task allows it. */
  elsewhere: boolean
  /** How long nobody uses the account: until the reset, for the backoff, or until it works again (login, payment). */
  pauseAccount: 'no' | 'until_reset' | 'backoff' | 'until_probe'
}

const SETTLED: EndAction = {
  retry: 'no',
  counter: 'none',
  when: 'now',
  session: 'fresh',
  elsewhere: false,
  pauseAccount: 'no',
}

/** The task can do nothing for it: it waits, and no retry is used up. */
const ACCOUNT: EndAction = {
  retry: 'yes',
  counter: 'none',
  when: 'account',
  session: 'resume',
  elsewhere: true,
  pauseAccount: 'until_probe',
}

const AGAIN: EndAction = { ...SETTLED, retry: 'yes', counter: 'task', when: 'backoff', session: 'resume' }

export const END_ACTIONS: Readonly<Record<EndClass, EndAction>> = {
  ok: SETTLED,
  auth: ACCOUNT,
  billing: ACCOUNT,
  usage_limit: { ...ACCOUNT, pauseAccount: 'until_reset' },
  rate_limited: { ...ACCOUNT, pauseAccount: 'backoff' },
  // The provider's trouble, not the account's: others may get through, and a retry must end some day.
  overloaded: { ...AGAIN, counter: 'infra', elsewhere: true },
  // Its session is what is too long.
  context_too_long: { ...AGAIN, when: 'now', session: 'fresh' },
  // The same limits would end the same way.
  budget: { ...SETTLED, retry: 'after_a_person' },
  permission_denied: { ...SETTLED, retry: 'after_a_person' },
  timeout: AGAIN,
  stalled: AGAIN,
  cancelled: SETTLED,
  // Whatever broke it may be in the session.
  crashed: { ...AGAIN, session: 'fresh' },
  no_result: { ...AGAIN, when: 'now' },
  gate_failed: { ...AGAIN, when: 'now' },
  // Another attempt owns the task.
  fenced: SETTLED,
}

const BACKOFF_FIRST_MS = 10_000
const BACKOFF_MS_MAX = 300_000

/**
 * How long the next attempt waits: 10 s after the first failure, twice as long after each further one, 5 minutes at
 * most; of that a random part between a half and the whole, so that what failed together does not come back together.
 *
 * @param failures how many attempts have failed so far, at least 1
 */
export function retryDelayMs(failures: number, random: () => number = Math.random): number {
  const fullMs = Math.min(BACKOFF_FIRST_MS * 2 ** (failures - 1), BACKOFF_MS_MAX)
  return Math.round(fullMs * (0.5 + random() / 2))
}
