import { randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import { TurboError } from '../base/errors.ts'
import { operations } from '../operations/index.ts'
import { crossSiteRefusal } from './callers.ts'
import type { HttpContext, HttpDependencies, HttpEnv } from './context.ts'
import { problemResponse, publicError } from './problem.ts'
import { handlerOf } from './route.ts'
import { addServiceRoutes } from './service-routes.ts'

/** A caller's request id is taken over when it is short and harmless in a log. */
const REQUEST_ID = /^[\w.:-]{1,128}$/

/** All routes behind one edge: request id, cross-site check, errors to problems, metrics and one log line. */
export function createApp(deps: HttpDependencies): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>()
  app.use(async (c, next) => {
    const startedMs = performance.now()
    open(c, deps)
    const refusal = crossSiteRefusal(c, deps.config)
    if (refusal === null) await next()
    else c.res = problemResponse(c, refusal)
    close(c, performance.now() - startedMs, deps)
  })
  for (const operation of operations) {
    const { method, path } = operation.http
    app.on(method, path.replaceAll(/\{(\w+)\}/g, ':$1'), handlerOf(operation, deps))
  }
  addServiceRoutes(app, deps)
  app.onError((error, c) => problemResponse(c, publicError(error)))
  app.notFound((c) => noSuchRoute(c, app))
  return app
}

function open(c: HttpContext, { isStopping }: HttpDependencies): void {
  const given = c.req.header('x-request-id')
  const requestId = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID()
  c.set('requestId', requestId)
  c.set('operation', 'none')
  c.set('headers', { 'x-request-id': requestId, 'x-content-type-options': 'nosniff' })
  c.set('isStopping', isStopping)
}

function close(c: HttpContext, tookMs: number, { log, metrics }: HttpDependencies): void {
  const { status } = c.res
  const operation = c.get('operation')
  metrics.observe(operation, status, tookMs / 1000)
  const line = {
    requestId: c.get('requestId'),
    operation,
    method: c.req.method,
    status,
    tookMs: Number(tookMs.toFixed(3)),
  }
  if (status < 500) {
    log.info(line, 'request')
    return
  }
  const { code } = publicError(c.error)
  log[code === 'internal' ? 'error' : 'warn']({ ...line, code, err: c.error }, 'request failed')
}

/** 404, or 405 with Allow where the path exists under other methods. */
function noSuchRoute(c: HttpContext, app: Hono<HttpEnv>): Response {
  const allowed = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) => hasRoute(app, method, c.req.path))
  if (allowed.length === 0) {
    return problemResponse(
      c,
      new TurboError('not_found', 'there is nothing at this path', { next: 'GET /openapi.json lists the paths.' }),
    )
  }
  const allow = allowed.includes('GET') ? ['HEAD', ...allowed] : allowed
  const detail = `this path takes ${allow.join(', ')}`
  return problemResponse(c, new TurboError('method_not_allowed', detail), { allow: allow.join(', ') })
}

/** Every route matches the edge middleware; a handler of its own makes two. */
function hasRoute(app: Hono<HttpEnv>, method: string, path: string): boolean {
  return app.router.match(method, path)[0].length > 1
}
