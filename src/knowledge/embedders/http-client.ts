import { setTimeout as delay } from 'node:timers/promises'
import { TurboError } from '../../base/errors.ts'
import type { EmbedKind } from './port.ts'

export interface HttpClientOptions {
  /** Name of the embedder, for messages. */
  embedder: string
  /** Base URL; paths are appended to its path. */
  url: string
  /** Sent as a bearer token; never part of a message. */
  apiKey?: string
  /** For one request, connection to last byte. */
  timeoutMs: number
}

/** A JSON answer, of whatever status. */
export interface HttpAnswer {
  status: number
  body: unknown
}

export interface HttpRequest {
  method: 'GET' | 'POST'
  path: string
  body?: unknown
  /** Decides how long it may take: a person waits for a query, nobody for a document. */
  kind: EmbedKind
  signal?: AbortSignal
}

/** A JSON client for one embedding service. It asks once; see {@link withRetries}. */
export interface HttpClient {
  /**
   * The answer, whatever its status, but for those that say "later" (429, 502, 503, 504).
   *
   * @throws ServiceFailure when the service cannot be reached, takes too long, answers no JSON or is overloaded;
   * the reason of an aborted signal
   */
  request(request: HttpRequest): Promise<HttpAnswer>
}

/** A failure of the service, not of the request: it may work the next time. */
export class ServiceFailure extends TurboError {
  /** What the service asked for. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, cause: unknown, retryAfterMs?: number) {
    super('embedder_unavailable', message, {
      next: 'Check that the embedding service runs at the configured URL.',
      retryAfterSeconds: retryAfterMs === undefined ? undefined : Math.ceil(retryAfterMs / 1000),
      cause,
    })
    this.retryAfterMs = retryAfterMs
  }
}

/** A person waits for a query, which can also be answered by words alone: one retry, soon. */
const PATIENCE: Record<EmbedKind, { attempts: number; timeoutMsMax: number; waitMsMax: number }> = {
  query: { attempts: 2, timeoutMsMax: 5_000, waitMsMax: 1_000 },
  document: { attempts: 4, timeoutMsMax: Number.POSITIVE_INFINITY, waitMsMax: 30_000 },
}
const FIRST_WAIT_MS = 100
/** 256 vectors of 4,000 components at 24 characters each are below this. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024
const LATER_STATUSES = new Set([429, 502, 503, 504])

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const headers: Record<string, string> = { 'content-type': 'application/json', accept: 'application/json' }
  if (options.apiKey !== undefined) headers.authorization = `Bearer ${options.apiKey}`
  const base = options.url.replace(/\/+$/, '')
  const failure = (what: string, cause?: unknown, retryAfterMs?: number) =>
    new ServiceFailure(`the ${options.embedder} embedder ${what}`, cause, retryAfterMs)

  async function exchange({
    method,
    path,
    body,
    kind,
    signal,
  }: HttpRequest): Promise<{ response: Response; text: string }> {
    const timeoutMs = Math.min(options.timeoutMs, PATIENCE[kind].timeoutMsMax)
    const timeout = AbortSignal.timeout(timeoutMs)
    const either = signal ? AbortSignal.any([signal, timeout]) : timeout
    const json = body === undefined ? undefined : JSON.stringify(body)
    try {
      const response = await fetch(base + path, { method, headers, body: json, signal: either, redirect: 'error' })
      return { response, text: await readText(response) }
    } catch (cause) {
      signal?.throwIfAborted()
      if (timeout.aborted) throw failure(`did not answer within ${timeoutMs} ms`, cause)
      throw failure('cannot be reached', cause)
    }
  }

  async function request(wanted: HttpRequest): Promise<HttpAnswer> {
    const { response, text } = await exchange(wanted)
    const { status, headers: answered } = response
    if (LATER_STATUSES.has(status)) {
      throw failure(`answered ${status}`, undefined, parseRetryAfter(answered.get('retry-after')))
    }
    try {
      return { status, body: text === '' ? undefined : JSON.parse(text) }
    } catch {
      // An error page of a proxy is still an answer with a status; a page with status 200 is nonsense. The parser's
      // message would quote it.
      if (!response.ok) return { status, body: undefined }
      throw failure('answered something that is not JSON')
    }
  }

  return { request }
}

/**
 * Repeats `attempt` after a {@link ServiceFailure}, as long as patience for `kind` lasts: after the time that the
 * service asked for, else after a doubling wait with jitter.
 */
export async function withRetries<T>(
  kind: EmbedKind,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  const patience = PATIENCE[kind]
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof ServiceFailure) || tries >= patience.attempts) throw error
      const waitMs = error.retryAfterMs ?? FIRST_WAIT_MS * 2 ** (tries - 1) * (0.5 + Math.random())
      if (waitMs > patience.waitMsMax) throw error
      await wait(waitMs, signal)
    }
  }
}

async function wait(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(waitMs, undefined, { signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Milliseconds from a Retry-After header: seconds or an HTTP date (RFC 9110 section 10.2.3). */
function parseRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now())
}
