import type { ErrorCode, TurboError } from '../base/errors.ts'

/** What a finished command tells its caller; listed in docs/cli.md and in the help. */
export const EXIT = {
  ok: 0,
  failure: 1,
  badInput: 2,
  notFound: 3,
  conflict: 4,
  unavailable: 5,
  interrupted: 130,
} as const

const EXIT_OF: Record<ErrorCode, number> = {
  invalid_input: EXIT.badInput,
  payload_too_large: EXIT.badInput,
  unsupported_media_type: EXIT.badInput,
  method_not_allowed: EXIT.failure,
  unauthorized: EXIT.failure,
  forbidden: EXIT.failure,
  internal: EXIT.failure,
  not_found: EXIT.notFound,
  conflict: EXIT.conflict,
  idempotency_key_reused: EXIT.conflict,
  space_mismatch: EXIT.conflict,
  store_locked: EXIT.unavailable,
  embedder_unavailable: EXIT.unavailable,
  rate_limited: EXIT.unavailable,
  timeout: EXIT.unavailable,
  unavailable: EXIT.unavailable,
}

/** Thrown where work ends because the person pressed Ctrl-C or the process was told to end. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted')
    this.name = 'Interrupted'
  }
}

/** The one place where a failure becomes an exit code. */
export function exitCodeOf(failure: TurboError | Interrupted): number {
  return failure instanceof Interrupted ? EXIT.interrupted : EXIT_OF[failure.code]
}

/** `work`, or {@link Interrupted} as soon as `signal` is aborted; what `work` does afterwards is nobody's concern. */
export async function unlessInterrupted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  if (signal.aborted) throw new Interrupted()
  let onAbort: () => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new Interrupted())
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Waits `ms`; rejects with {@link Interrupted} when `signal` is aborted meanwhile. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await unlessInterrupted(signal, elapsed).finally(() => clearTimeout(timer))
}
