import { setTimeout as pause } from 'node:timers/promises'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { type ErrorCode, TurboError } from '../base/errors.ts'
import { fromWire } from '../base/wire.ts'

const BACKOFF_MS = 200
/** Errors behind which another connection may go on. */
const PASSING: readonly ErrorCode[] = ['unavailable', 'timeout', 'rate_limited']
/** Longer than the signs of life of a server are apart: a connection that is silent for so long is none. */
const SILENCE_MS = 45_000

export interface FollowOptions {
  /** Connections in a row that may fail or bring nothing. */
  retriesMax: number
  signal: AbortSignal | undefined
}

/** Begins to read behind `cursor`, or where the caller wants to begin. */
type Connect = (cursor: string | undefined, signal: AbortSignal) => Promise<ReadableStream>

/**
 * The data of `entry` events until one is an `end`, over as many connections as it takes: each goes on behind the last
 * event that was given.
 */
export async function* followEvents(connect: Connect, { retriesMax, signal }: FollowOptions): AsyncGenerator<unknown> {
  let cursor: string | undefined
  for (let failures = 0; ; failures += 1) {
    try {
      for await (const { event, id, data } of eventsOf(connect, cursor, signal)) {
        if (event === 'end') return
        if (event === 'error') throw told(data)
        if (event !== 'entry') continue
        cursor = id ?? cursor
        failures = 0
        yield fromWire(JSON.parse(data))
      }
      throw new TurboError('unavailable', 'the stream ended before the task did')
    } catch (error) {
      signal?.throwIfAborted()
      if (failures >= retriesMax) throw error
      await pause(waitAfter(error, failures), undefined, { signal })
    }
  }
}

/** Milliseconds until the next connection. @throws the error, where that would fail in the same way */
function waitAfter(error: unknown, failures: number): number {
  if (!(error instanceof TurboError && PASSING.includes(error.code))) throw error
  const backoffMs = BACKOFF_MS * 2 ** failures * (0.5 + Math.random())
  return Math.max((error.retryAfterSeconds ?? 0) * 1000, backoffMs)
}

/** The events of one connection, which is given up when nothing comes for long, or nobody reads on. */
async function* eventsOf(connect: Connect, cursor: string | undefined, signal: AbortSignal | undefined) {
  const ended = new AbortController()
  const silence = setTimeout(() => ended.abort(), SILENCE_MS)
  const giveUp = () => ended.abort()
  signal?.addEventListener('abort', giveUp, { once: true })
  try {
    if (signal?.aborted) return
    const body = await connect(cursor, ended.signal)
    const heard = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        silence.refresh()
        controller.enqueue(chunk)
      },
    })
    yield* body.pipeThrough(heard).pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
  } catch (cause) {
    if (cause instanceof TurboError) throw cause
    throw new TurboError('unavailable', 'the stream broke off', { cause })
  } finally {
    clearTimeout(silence)
    signal?.removeEventListener('abort', giveUp)
    ended.abort()
  }
}

function told(problem: string): TurboError {
  const { code = 'internal', detail = 'the server broke off', next } = JSON.parse(problem)
  return new TurboError(code, detail, { next })
}
