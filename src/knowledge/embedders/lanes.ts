import PQueue from 'p-queue'
import { TurboError } from '../../base/errors.ts'
import type { EmbedKind } from './port.ts'

/** Calls that may be under way at once. */
export const CALLS_MAX = 1000

const PRIORITY: Record<EmbedKind, number> = { query: 1, document: 0 }

/** Does one piece of a call. It need not heed `signal`: the caller is answered at once, the worker stays taken. */
export type Work<Piece, Result> = (piece: Piece, signal: AbortSignal) => Promise<Result>

/**
 * Runs pieces of work with bounded concurrency, queries ahead of waiting documents. A call with many pieces queues
 * only as many as could run, so that callers take turns and the queue does not grow with the length of a call.
 */
export interface Lanes {
  /**
   * `work` over `pieces`, results in order. The first of a failure, an abort and {@link Lanes.stop} ends the call;
   * pieces not yet begun are dropped.
   *
   * @throws TurboError `embedder_unavailable` when too many calls are under way or after `stop`; the reason of an
   * aborted signal; what `work` throws
   */
  run<Piece, Result>(
    pieces: readonly Piece[],
    kind: EmbedKind,
    signal: AbortSignal | undefined,
    work: Work<Piece, Result>,
  ): Promise<Result[]>
  stop(): void
}

/**
 * @param width pieces that may run at once: one number when queries and documents share the workers, one for each
 * when a query need not wait for a document at all
 */
export function createLanes(embedder: string, width: number | Record<EmbedKind, number>): Lanes {
  const widths = typeof width === 'number' ? { query: width, document: width } : width
  const document = new PQueue({ concurrency: widths.document })
  const query = typeof width === 'number' ? document : new PQueue({ concurrency: widths.query })
  const queues: Record<EmbedKind, PQueue> = { query, document }
  const calls = new Set<AbortController>()
  let stopped = false

  async function run<Piece, Result>(
    pieces: readonly Piece[],
    kind: EmbedKind,
    signal: AbortSignal | undefined,
    work: Work<Piece, Result>,
  ): Promise<Result[]> {
    signal?.throwIfAborted()
    if (stopped) throw stoppedError(embedder)
    if (calls.size >= CALLS_MAX) throw fullError(embedder)

    const call = new AbortController()
    const onAbort = () => call.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    calls.add(call)

    const results: Result[] = []
    const rest = pieces.entries()
    const takeTurns = async () => {
      for (const [index, piece] of rest) {
        const begin = () => {
          call.signal.throwIfAborted()
          return work(piece, call.signal)
        }
        results[index] = await queues[kind].add(begin, { priority: PRIORITY[kind] })
      }
    }
    const turns = Array.from({ length: Math.min(widths[kind], pieces.length) }, takeTurns)
    for (const turn of turns) turn.catch((error) => call.abort(error))
    // An aborted call counts until its workers are free again, or aborted calls could pile up without bound.
    void Promise.allSettled(turns).then(() => {
      signal?.removeEventListener('abort', onAbort)
      calls.delete(call)
    })
    await Promise.race([Promise.all(turns), aborted(call.signal)])
    return results
  }

  return {
    run,
    stop() {
      stopped = true
      for (const call of calls) call.abort(stoppedError(embedder))
    },
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

function fullError(embedder: string): TurboError {
  return new TurboError('embedder_unavailable', `${CALLS_MAX} calls already wait for the ${embedder} embedder`, {
    next: 'Send less at once and try again.',
    retryAfterSeconds: 1,
  })
}

function stoppedError(embedder: string): TurboError {
  return new TurboError('embedder_unavailable', `the ${embedder} embedder was stopped`, {
    next: 'Start the service again.',
  })
}
