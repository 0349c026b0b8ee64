import type { Hono } from 'hono'
import { TurboError } from '../base/errors.ts'
import { VERSION } from '../base/version.ts'
import { operations } from '../operations/index.ts'
import { authenticate, authorize } from './callers.ts'
import { type HttpContext, type HttpDependencies, type HttpEnv, JSON_TYPE, respond } from './context.ts'
import { DOCS_POLICY, docsPage } from './docs-page.ts'
import { openApiDocument } from './openapi.ts'
import { respondTagged } from './route.ts'

/** A scrape must not wait for a store that hangs. */
const STATS_TIMEOUT_MS = 2_000

/** What is about the service itself and not a verb of it. */
export function addServiceRoutes(app: Hono<HttpEnv>, deps: HttpDependencies): void {
  const document = once(() => openApiDocument(operations, VERSION))
  const json = once(() => JSON.stringify(document()))
  const page = once(() => docsPage(document()))

  get(app, '/openapi.json', 'openapi', (c) => respondTagged(c, 200, json()))
  get(app, '/docs', 'docs', (c) => {
    c.set('headers', { ...c.get('headers'), ...DOCS_POLICY })
    return respondTagged(c, 200, page(), 'text/html; charset=utf-8')
  })
  get(app, '/readyz', 'readyz', (c) => ready(c, deps))
  get(app, '/metrics', 'metrics', async (c) => {
    authorize(await authenticate(c, deps), 'read')
    const { type, text } = await deps.metrics.render(await figuresWithin(deps, STATS_TIMEOUT_MS))
    return respond(c, 200, text, { 'content-type': type, 'cache-control': 'no-store' })
  })
}

function get(
  app: Hono<HttpEnv>,
  path: string,
  name: string,
  handler: (c: HttpContext) => Response | Promise<Response>,
): void {
  app.get(path, (c) => {
    c.set('operation', name)
    return handler(c)
  })
}

/** 200 when requests can be served, so that a balancer sends some. */
async function ready(c: HttpContext, { turbo, isStopping }: HttpDependencies): Promise<Response> {
  const { database } = await turbo.health()
  if (isStopping()) throw new TurboError('unavailable', 'the server is stopping')
  if (!database.reachable)
    throw new TurboError('unavailable', 'the store does not answer', { next: 'GET /health says more.' })
  return respond(c, 200, '{"ready":true}', { 'content-type': JSON_TYPE, 'cache-control': 'no-store' })
}

/** Null when the store does not answer in time; /health tells why. */
async function figuresWithin({ turbo, log }: HttpDependencies, timeoutMs: number) {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, null)
  })
  const read = Promise.all([turbo.knowledge.stats(), turbo.orchestrator.figures.read()]).then(
    ([stats, figures]) => ({ stats, figures }),
    (error: unknown) => {
      log.warn({ err: error }, 'metrics: the figures of the store cannot be read')
      return null
    },
  )
  return Promise.race([read, late]).finally(() => clearTimeout(timer))
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
