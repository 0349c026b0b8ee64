import type { Hono } from 'hono'
import type { Log } from '../base/log.ts'
import type { Turbo } from '../operations/index.ts'
import { createApp } from './app.ts'
import { BODIES_BYTES_MAX } from './body.ts'
import { BodyBudget } from './body-budget.ts'
import type { HttpConfig, HttpEnv } from './context.ts'
import { Metrics } from './metrics.ts'
import { createFailureLimit, createRateLimit } from './rate-limit.ts'
import { HttpServer } from './server.ts'
import { EventStreams } from './streams.ts'

export type { HttpConfig } from './context.ts'
export { openApiDocument } from './openapi.ts'

export interface HttpServerOptions {
  turbo: Turbo
  config: HttpConfig
  log: Log
  /** How long `stop` waits for requests in flight; default 10,000. */
  stopTimeoutMs?: number
  /** Between the signs of life of a stream of events; default 15,000. */
  keepAliveMs?: number
}

/**
 * The HTTP surface: `app` answers requests without a socket (tests), `start` binds and `stop` ends gracefully.
 *
 * `start` rejects with a TurboError: `forbidden` on an address that is not the loopback while there is no API key,
 * `conflict` when the port is taken. `stop` lets requests in flight finish, at most 10 seconds.
 */
export interface Http {
  app: Hono<HttpEnv>
  start(): Promise<{ url: string }>
  stop(): Promise<void>
}

export function createHttpServer({ turbo, config, log, stopTimeoutMs, keepAliveMs }: HttpServerOptions): Http {
  let stopping = false
  const metrics = new Metrics()
  turbo.orchestrator.figures.onClaim((seen) => metrics.queue.claimed(seen))
  const streams = new EventStreams({ keepAliveMs })
  const app = createApp({
    turbo,
    config,
    log,
    metrics,
    rateLimit: createRateLimit(config.rateLimitPerMinute),
    failureLimit: createFailureLimit(),
    bodyBudget: new BodyBudget(BODIES_BYTES_MAX),
    streams,
    isStopping: () => stopping,
  })
  const server = new HttpServer({ fetch: app.fetch, config, hasKeys: () => turbo.access.hasKeys(), log, stopTimeoutMs })
  return {
    app,
    start: () => server.start(),
    stop: () => {
      stopping = true
      streams.stop()
      return server.stop()
    },
  }
}
