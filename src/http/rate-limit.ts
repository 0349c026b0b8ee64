import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { TurboError } from '../base/errors.ts'

const WINDOW_SECONDS = 60

/** Headers of draft-ietf-httpapi-ratelimit-headers-11 and, when the limit is reached, the error. */
export interface RateVerdict {
  headers: Record<string, string>
  refusal: TurboError | null
}

/** Counts one request of a caller. */
export type RateLimit = (principalId: string) => Promise<RateVerdict>

/** Wrong or missing keys a minute and remote address. Far above slips, far below a search. */
const FAILURES_PER_MINUTE = 60

/** Counts failed authentications by remote address. */
export function createFailureLimit(): RateLimit {
  return createRateLimit(FAILURES_PER_MINUTE, {
    what: 'failed authentications',
    next: 'Wait for the seconds in Retry-After, and correct the API key.',
  })
}

const REQUESTS = {
  what: 'requests',
  next: 'Wait for the seconds in Retry-After. AGENT_TURBO_RATE_LIMIT sets the limit.',
}

/** A limit in this process's memory, so many requests (or what `counted` says) a minute and caller; 0 for none. */
export function createRateLimit(perMinute: number, counted: { what: string; next: string } = REQUESTS): RateLimit {
  if (perMinute === 0) return async () => ({ headers: {}, refusal: null })
  const limiter = new RateLimiterMemory({ points: perMinute, duration: WINDOW_SECONDS })
  return async (principalId) => {
    const state = await limiter.consume(principalId).catch((rejected: unknown) => {
      if (rejected instanceof RateLimiterRes) return rejected
      throw rejected
    })
    const resetSeconds = Math.ceil(state.msBeforeNext / 1000)
    const headers = {
      'ratelimit-policy': `"default";q=${perMinute};w=${WINDOW_SECONDS}`,
      ratelimit: `"default";r=${Math.max(0, state.remainingPoints)};t=${resetSeconds}`,
    }
    if (state.consumedPoints <= perMinute) return { headers, refusal: null }
    const refusal = new TurboError('rate_limited', `more than ${perMinute} ${counted.what} in a minute`, {
      retryAfterSeconds: resetSeconds,
      next: counted.next,
    })
    return { headers, refusal }
  }
}
