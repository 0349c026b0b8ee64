import { setTimeout as pause } from 'node:timers/promises'
import type { z } from 'zod'
import { type ErrorCode, type FieldError, messageOf, TurboError } from '../base/errors.ts'
import { type HttpMethod, takesBody } from '../base/http-method.ts'
import { type FromWire, fromWire, toWire } from '../base/wire.ts'
import type { OperationName, Operations } from '../operations/index.ts'
import { followEvents } from './follow.ts'
import { isRepeatable, routes } from './routes.ts'

export { type ErrorCode, type FieldError, TurboError } from '../base/errors.ts'

/** What an operation takes, in `camelCase`; fields with a default may be left out. */
export type InputOf<Name extends OperationName> = FromWire<z.input<Operations[Name]['input']>>

/** What an operation answers, in `camelCase`. */
export type OutputOf<Name extends OperationName> = FromWire<z.output<Operations[Name]['output']>>

export interface CallOptions {
  signal?: AbortSignal
  /** Makes the server answer a repetition of this call, for 24 hours, with what it answered first. */
  idempotencyKey?: string
}

/** One method an operation; one whose input has no required field may be called without. */
export type Client = {
  [Name in OperationName]: Record<never, never> extends InputOf<Name>
    ? (input?: InputOf<Name>, options?: CallOptions) => Promise<OutputOf<Name>>
    : (input: InputOf<Name>, options?: CallOptions) => Promise<OutputOf<Name>>
} & {
  /**
   * What the runs of a task say, as they say it; ends when the task has. A connection that breaks off is made again, and
   * goes on behind the last entry that was given: none is lost, and none comes twice.
   */
  followTaskLog(
    input: { taskId: string; cursor?: string },
    options?: Pick<CallOptions, 'signal'>,
  ): AsyncGenerator<TaskLogEntry, void, void>
}

/** One thing that a run has said. */
export type TaskLogEntry = OutputOf<'getTaskLog'>['entries'][number]

export interface ClientOptions {
  /** Where the server is, e.g. `http://127.0.0.1:8780`. */
  url: string
  apiKey?: string
  /** For one attempt; default 60,000. */
  timeoutMs?: number
  /** Attempts after the first, on 429 and 503; default 3. */
  retriesMax?: number
  /** Default the global one. */
  fetch?: typeof globalThis.fetch
}

const TIMEOUT_MS = 60_000
const RETRIES_MAX = 3
const BACKOFF_MS = 100
const EVENTS_TYPE = 'text/event-stream'
/** A server that asks for more patience than this gets none: the caller decides. */
const RETRY_AFTER_SECONDS_MAX = 30

/**
 * The verbs of a server, over HTTP.
 *
 * Every method rejects with a {@link TurboError}: the one the server answered with, or `unavailable` (cannot be
 * reached), `timeout`, or `internal` (an answer that is none of ours).
 */
export function createClient(options: ClientOptions): Client {
  const names = Object.keys(routes) as OperationName[]
  const methods = names.map((name) => [
    name,
    (input: object = {}, call: CallOptions = {}) => send(options, name, input, call),
  ])
  const followTaskLog: Client['followTaskLog'] = (input, { signal } = {}) =>
    followEvents((cursor, connected) => connect(options, { ...input, ...(cursor && { cursor }) }, connected), {
      retriesMax: options.retriesMax ?? RETRIES_MAX,
      signal,
    }) as AsyncGenerator<TaskLogEntry, void, void>
  return { ...Object.fromEntries(methods), followTaskLog } as Client
}

async function send(options: ClientOptions, name: OperationName, input: object, call: CallOptions): Promise<unknown> {
  const retriesMax = options.retriesMax ?? RETRIES_MAX
  for (let attempt = 0; ; attempt++) {
    try {
      return await attemptOnce(options, name, input, call)
    } catch (error) {
      const waitMs = attempt < retriesMax ? waitBeforeRetry(error, name, call, attempt) : null
      if (waitMs === null) throw error
      await pause(waitMs, undefined, { signal: call.signal })
    }
  }
}

/** Null when another attempt is useless or may do the same thing twice. */
function waitBeforeRetry(error: unknown, name: OperationName, call: CallOptions, attempt: number): number | null {
  // Without Retry-After it is no answer of a server, but a connection that failed: the caller learns that at once.
  if (!(error instanceof TurboError) || error.retryAfterSeconds === undefined) return null
  if (error.retryAfterSeconds > RETRY_AFTER_SECONDS_MAX) return null
  const nothingHappened = error.code === 'rate_limited'
  if (!nothingHappened && !isRepeatable(name) && call.idempotencyKey === undefined) return null
  const backoffMs = BACKOFF_MS * 2 ** attempt * (0.5 + Math.random())
  return Math.max(error.retryAfterSeconds * 1000, backoffMs)
}

async function attemptOnce(
  options: ClientOptions,
  name: OperationName,
  input: object,
  call: CallOptions,
): Promise<unknown> {
  const { method, path } = routes[name]
  const { url, body } = requestOf(options.url, method, path, toWire(input) as Record<string, unknown>)
  const headers = headersOf(options, 'application/json, text/markdown')
  if (body !== undefined) headers['content-type'] = 'application/json'
  if (call.idempotencyKey !== undefined) headers['idempotency-key'] = call.idempotencyKey
  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)
  const signal = call.signal === undefined ? timeout : AbortSignal.any([timeout, call.signal])
  let response: Response
  let text: string
  try {
    response = await (options.fetch ?? fetch)(url, { method, headers, body, signal })
    text = await response.text()
  } catch (cause) {
    if (call.signal?.aborted) throw call.signal.reason
    throw transportError(options.url, timeout.aborted, cause)
  }
  if (response.ok && response.headers.get('content-type')?.startsWith('text/markdown')) return text
  const json = parse(text, response)
  if (!response.ok) throw errorOf(json, response)
  return fromWire(json)
}

/** Asks for the log of a task as a stream; resolves when it has begun. */
async function connect(options: ClientOptions, input: object, signal: AbortSignal): Promise<ReadableStream> {
  const { method, path } = routes.getTaskLog
  const { url } = requestOf(options.url, method, path, toWire(input) as Record<string, unknown>)
  const response = await (options.fetch ?? fetch)(url, {
    method,
    headers: headersOf(options, EVENTS_TYPE),
    signal,
  }).catch((cause: unknown) => {
    throw transportError(options.url, false, cause)
  })
  if (!response.ok) throw errorOf(parse(await response.text(), response), response)
  if (response.body === null || !response.headers.get('content-type')?.startsWith(EVENTS_TYPE)) {
    throw new TurboError('internal', 'the server did not answer with a stream of events')
  }
  return response.body
}

function headersOf({ apiKey }: ClientOptions, accept: string): Record<string, string> {
  return apiKey === undefined ? { accept } : { accept, authorization: `Bearer ${apiKey}` }
}

function requestOf(
  base: string,
  method: HttpMethod,
  path: string,
  wire: Record<string, unknown>,
): { url: string; body?: string } {
  const rest = { ...wire }
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = String(rest[name])
    delete rest[name]
    return encodeURIComponent(value)
  })
  const url = base.replace(/\/+$/, '') + filled
  if (takesBody(method)) return { url, body: JSON.stringify(rest) }
  const query = queryOf(rest).toString()
  return { url: query === '' ? url : `${url}?${query}` }
}

/** Lists by repetition, objects field by field as `source.url`. */
function queryOf(fields: Record<string, unknown>, prefix = '', query = new URLSearchParams()): URLSearchParams {
  for (const [name, value] of Object.entries(fields)) {
    for (const element of Array.isArray(value) ? value : [value]) {
      if (typeof element === 'object' && element !== null)
        queryOf(element as Record<string, unknown>, `${prefix}${name}.`, query)
      else query.append(prefix + name, String(element))
    }
  }
  return query
}

function parse(text: string, response: Response): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new TurboError('internal', `the server answered ${response.status} with something that is not JSON`, {
      next: 'Check that the URL is that of an Agent Turbo server.',
      cause,
    })
  }
}

interface Problem {
  code?: ErrorCode
  detail?: string
  next?: string
  errors?: FieldError[]
}

/** The error that the server's operation threw. */
function errorOf(json: unknown, response: Response): TurboError {
  const { code, detail, next, errors } = (json ?? {}) as Problem
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
  return new TurboError(code ?? 'internal', detail ?? `the server answered ${response.status}`, {
    next,
    errors,
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
  })
}

function transportError(url: string, timedOut: boolean, cause: unknown): TurboError {
  if (timedOut) return new TurboError('timeout', `the server at ${url} did not answer in time`, { cause })
  const reason = cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause)
  return new TurboError('unavailable', `the server at ${url} cannot be reached (${reason})`, {
    next: 'Start it with `agent-turbo serve`, or set AGENT_TURBO_URL.',
    cause,
  })
}
