import { type ErrorCode, TurboError } from '../base/errors.ts'
import { type HttpContext, respond } from './context.ts'

/** The one place where an error code becomes an HTTP status. */
export const STATUS_OF: Record<ErrorCode, number> = {
  invalid_input: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  space_mismatch: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
  store_locked: 503,
  embedder_unavailable: 503,
  timeout: 503,
}

const TITLE_OF: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

export const PROBLEM_TYPE = 'application/problem+json'
/** Where nothing better is known, a 429 or 503 is worth another try after this long. */
const RETRY_AFTER_SECONDS = 1

/** Any thrown value as the public error it is answered with; what is not ours says nothing of itself. */
export function publicError(error: unknown): TurboError {
  if (error instanceof TurboError) return error
  return new TurboError('internal', 'something went wrong inside the service', {
    next: 'The log of the server has the cause under this request_id.',
    cause: error,
  })
}

/** The body of a problem (RFC 9457). */
export function problemOf(error: TurboError, requestId: string): Record<string, unknown> {
  const status = STATUS_OF[error.code]
  return {
    type: 'about:blank',
    title: TITLE_OF[status],
    status,
    detail: error.message,
    code: error.code,
    errors: error.errors,
    next: error.next,
    request_id: requestId,
  }
}

/** The answer to a failed request. */
export function problemResponse(c: HttpContext, error: TurboError, headers: Record<string, string> = {}): Response {
  const status = STATUS_OF[error.code]
  const extra: Record<string, string> = { ...headers, 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store' }
  if (status === 429 || status === 503) extra['retry-after'] = String(error.retryAfterSeconds ?? RETRY_AFTER_SECONDS)
  else if (error.retryAfterSeconds !== undefined) extra['retry-after'] = String(error.retryAfterSeconds)
  if (status === 401) extra['www-authenticate'] = 'Bearer realm="agent-turbo"'
  return respond(c, status, JSON.stringify(problemOf(error, c.get('requestId'))), extra)
}
