import { createHash } from 'node:crypto'
import type { Answer, Principal } from '../access/index.ts'
import { invalid, type TurboError } from '../base/errors.ts'
import { takesBody } from '../base/http-method.ts'
import { toWire } from '../base/wire.ts'
import { inputFields, type Operation, parseInput } from '../operations/index.ts'
import { BODY_BYTES_MAX, type HeldBody, LARGE_BODY_BYTES_MAX, readJsonBody } from './body.ts'
import { authenticate, authorize } from './callers.ts'
import { type HttpContext, type HttpDependencies, JSON_TYPE, respond } from './context.ts'
import { respondEvents, wantsEvents } from './event-stream.ts'
import { type Kinds, kindsOf, parseQuery, typedValue } from './query-params.ts'

/** An operation with what its route needs, worked out once. */
interface Route {
  operation: Operation
  kinds: Kinds
  pathFields: string[]
  takesBody: boolean
}

/** The handler of an operation: caller, input, run, answer. */
export function handlerOf(operation: Operation, deps: HttpDependencies): (c: HttpContext) => Promise<Response> {
  const { method, path } = operation.http
  const route: Route = {
    operation,
    kinds: kindsOf(inputFields(operation.input)),
    pathFields: pathFieldsOf(path),
    takesBody: takesBody(method),
  }
  return async (c) => {
    c.set('operation', operation.name)
    const principal = await admit(c, operation, deps)
    const body = route.takesBody ? await readBody(c, route, deps) : null
    try {
      const input = parseInput(operation, inputOf(c, route, body))
      return await answer(c, route, input, principal, deps)
    } finally {
      body?.release()
    }
  }
}

/** Names in braces: the fields of the input that travel in the path. */
export function pathFieldsOf(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
}

/** Who calls, if they may; counts the call against their limit. */
async function admit(c: HttpContext, { scope }: Operation, deps: HttpDependencies): Promise<Principal> {
  if (scope === null) return { id: 'anyone', scopes: [] }
  const principal = await authenticate(c, deps)
  if (principal.id !== 'local') {
    const { headers, refusal } = await deps.rateLimit(principal.id)
    c.set('headers', { ...c.get('headers'), ...headers })
    if (refusal !== null) throw refusal
  }
  authorize(principal, scope)
  return principal
}

function readBody(c: HttpContext, { operation }: Route, { bodyBudget }: HttpDependencies): Promise<HeldBody> {
  return readJsonBody(c, operation.http.largeBody ? LARGE_BODY_BYTES_MAX : BODY_BYTES_MAX, bodyBudget)
}

/** Path, query string and body as the one input of the operation. */
function inputOf(
  c: HttpContext,
  { kinds, pathFields, takesBody }: Route,
  body: HeldBody | null,
): Record<string, unknown> {
  const query = queryOf(c)
  if (takesBody && query !== '') throw invalid('', 'this request takes its fields in the body, not in the query string')
  const fields = body === null ? parseQuery(query, kinds) : objectOf(body.json)
  const misplaced = pathFields.find((name) => Object.hasOwn(fields, name))
  if (misplaced !== undefined) throw invalid(`/${misplaced}`, 'is given by the path')
  const fromPath = pathFields.map((name) => [name, typedValue(kinds, name, c.req.param(name) ?? '')])
  return { ...fields, ...Object.fromEntries(fromPath) }
}

function queryOf(c: HttpContext): string {
  const start = c.req.url.indexOf('?')
  return start === -1 ? '' : c.req.url.slice(start + 1).replace(/#.*$/, '')
}

function objectOf(json: unknown): Record<string, unknown> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>
  throw invalid('', 'the body must be a JSON object')
}

async function answer(
  c: HttpContext,
  { operation }: Route,
  input: unknown,
  principal: Principal,
  deps: HttpDependencies,
): Promise<Response> {
  const { turbo } = deps
  const key = idempotencyKeyOf(c, operation)
  if (key === undefined) {
    const { events } = operation
    // A HEAD request would be answered with a stream that nobody reads.
    if (events !== undefined && wantsEvents(c) && c.req.method === 'GET') {
      const lastEventId = c.req.header('last-event-id')
      return respondEvents(c, deps, (signal) => events(turbo, input, { lastEventId, signal }))
    }
    const output = await operation.run(turbo, input, { principal })
    const status = statusOf(operation, output)
    const { body, type } = bodyOf(operation, output)
    return operation.http.etag ? respondTagged(c, status, body, type) : respondJson(c, status, body)
  }
  const work = async (): Promise<Answer> => {
    const output = await operation.run(turbo, input, { principal, idempotencyKey: key })
    return { status: statusOf(operation, output), body: JSON.stringify(toWire(output)) }
  }
  const reread = operation.reread && (async () => JSON.stringify(toWire(await operation.reread?.(turbo, input))))
  const request = { principal, operation: operation.name, key, input, reread }
  const { status, body, replayed } = await turbo.access.once(request, work)
  return respondJson(c, status, body, replayed ? { 'idempotency-replayed': 'true' } : {})
}

function bodyOf({ http }: Operation, output: unknown): { body: string; type: string } {
  if (typeof output === 'string' && http.textType !== undefined) {
    return { body: output, type: `${http.textType}; charset=utf-8` }
  }
  return { body: JSON.stringify(toWire(output)), type: JSON_TYPE }
}

function statusOf({ http }: Operation, output: unknown): number {
  const { status, duplicate } = output as { status?: unknown; duplicate?: unknown }
  return status === 'duplicate' || duplicate === true ? (http.duplicateStatus ?? http.status) : http.status
}

/** Printable ASCII, as a structured-field string (quoted) or plain. */
const IDEMPOTENCY_KEY = /^"?([ -!#-[\]-~]{1,255}?)"?$/

/** The caller's Idempotency-Key, where the operation has an effect that must not be repeated. */
function idempotencyKeyOf(c: HttpContext, { name, scope, http }: Operation): string | undefined {
  const header = c.req.header('idempotency-key')
  if (header === undefined || scope === 'read' || scope === null) return undefined
  const key = IDEMPOTENCY_KEY.exec(header)?.[1]
  if (key === undefined) throw headerRefusal('Idempotency-Key must be 1 to 255 printable ASCII characters')
  if (http.replayable === false)
    throw headerRefusal(`${name} takes no Idempotency-Key, because its answer is kept nowhere`)
  return key
}

function headerRefusal(detail: string): TurboError {
  return invalid('', detail)
}

function respondJson(c: HttpContext, status: number, body: string, headers: Record<string, string> = {}): Response {
  return respond(c, status, body, { 'content-type': JSON_TYPE, 'cache-control': 'no-store', ...headers })
}

/** An answer that a caller may keep and ask again whether it still holds. */
export function respondTagged(c: HttpContext, status: number, body: string, type = JSON_TYPE): Response {
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
  const headers = { etag, 'cache-control': 'private, no-cache' }
  const known = c.req.header('if-none-match')?.split(',') ?? []
  // If-None-Match compares weakly (RFC 9110, 13.1.2): a W/ that a proxy put in front does not matter.
  const isKnown = known.some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
  return isKnown ? respond(c, 304, null, headers) : respond(c, status, body, { ...headers, 'content-type': type })
}
