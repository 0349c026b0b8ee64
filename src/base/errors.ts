/** Every way a verb can fail, as a caller may branch on it. The wire carries these words unchanged. */
export type ErrorCode =
  | 'invalid_input'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'conflict'
  | 'idempotency_key_reused'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'space_mismatch'
  | 'store_locked'
  | 'embedder_unavailable'
  | 'unavailable'
  | 'timeout'
  | 'internal'

/** One field that is wrong: an RFC 6901 pointer into the input and a sentence saying what is expected. */
export interface FieldError {
  pointer: string
  detail: string
}

export interface TurboErrorOptions {
  /** What the caller can do next, in one sentence. */
  next?: string
  /** The fields that are wrong, all of them, not only the first. */
  errors?: FieldError[]
  /** Seconds after which a retry may succeed. */
  retryAfterSeconds?: number
  cause?: unknown
}

/**
 * The one error type that crosses module borders. `message` is public: it never holds stored text, parameters or
 * secrets. `cause` is for the log only.
 */
export class TurboError extends Error {
  readonly code: ErrorCode
  readonly next: string | undefined
  readonly errors: FieldError[] | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, options: TurboErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'TurboError'
    this.code = code
    this.next = options.next
    this.errors = options.errors
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** True when `error` is a {@link TurboError} with one of `codes` (any code when none is given). */
export function isTurboError(error: unknown, ...codes: ErrorCode[]): error is TurboError {
  return error instanceof TurboError && (codes.length === 0 || codes.includes(error.code))
}

/** A wrong value in one field. */
export function invalid(pointer: string, detail: string, next?: string): TurboError {
  return new TurboError('invalid_input', `${pointer.slice(1).replaceAll('/', '.') || 'input'}: ${detail}`, {
    errors: [{ pointer, detail }],
    next,
  })
}

/** The text of anything that was thrown, for a log line or a wrapping error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
