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

/** A limit in this process's memory, so many requests a minute and caller; 0 for none. */
export function createRateLimit(perMinute: number): RateLimit {
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
    return { headers, refusal: state.consumedPoints > perMinute ? exceeded(perMinute, resetSeconds) : null }
  }
}

function exceeded(perMinute: number, retryAfterSeconds: number): TurboError {
  return new TurboError('rate_limited', `more than ${perMinute} requests in a minute`, {
    retryAfterSeconds,
    next: 'Wait for the seconds in Retry-After. AGENT_TURBO_RATE_LIMIT sets the limit.',
  })
}
