import type { IncomingMessage } from 'node:http'
import type { Context } from 'hono'
import type { Log } from '../base/log.ts'
import type { Turbo } from '../operations/index.ts'
import type { BodyBudget } from './body-budget.ts'
import type { Metrics } from './metrics.ts'
import type { RateLimit } from './rate-limit.ts'
import type { EventStreams } from './streams.ts'

export interface HttpConfig {
  /** Address to bind. Anything but the loopback needs API keys. */
  host: string
  /** 0 lets the system choose. */
  port: number
  /**
   * Host names, beside the loopback's own, under which a proxy reaches this server. Lower case, without port. When there
   * are any, callers on this machine need a key too: a proxy's requests cannot be told from theirs.
   */
  allowedHosts: readonly string[]
  /** Requests a minute and API key; 0 lifts the limit. Callers on this machine without a key have none. */
  rateLimitPerMinute: number
}

/** What the routes share. */
export interface HttpDependencies {
  turbo: Turbo
  config: HttpConfig
  log: Log
  metrics: Metrics
  rateLimit: RateLimit
  /** Counts the failed authentications of a remote address. */
  failureLimit: RateLimit
  bodyBudget: BodyBudget
  streams: EventStreams
  /** True from the moment the server begins to stop: answers then end their connections. */
  isStopping(): boolean
}

/** What a request carries from the edge to its answer. */
export interface HttpEnv {
  /** What the Node adapter hands over; nothing when a request comes without a socket. */
  Bindings: { incoming?: IncomingMessage } | undefined
  Variables: {
    requestId: string
    /** Name for log and metrics; `none` until a route has matched. */
    operation: string
    /** Headers that every answer of this request gets, beside its own. */
    headers: Record<string, string>
    isStopping(): boolean
  }
}

export type HttpContext = Context<HttpEnv>

export const JSON_TYPE = 'application/json; charset=utf-8'

/** The answer, made in one piece: adding headers to a Response afterwards costs its fast path. */
export function respond(
  c: HttpContext,
  status: number,
  body: string | null,
  headers: Record<string, string> = {},
): Response {
  const all: Record<string, string> = { ...c.get('headers'), ...headers }
  // Told with the answer, a caller sends nothing more on a connection that is about to end.
  if (c.get('isStopping')()) all.connection = 'close'
  return new Response(body, { status, headers: all })
}
