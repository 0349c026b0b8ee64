import type { Worker } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { TurboError } from '../../base/errors.ts'
import { startThread } from '../../base/thread.ts'
import { type Chunk, type ChunkLimits, chunkText } from '../text/chunk.ts'
import type { DocumentInput } from '../types.ts'
import type { ChunkSpan, ReadDocument, ReaderAnswer, ReaderRequest } from './reader-protocol.ts'

/** Texts up to here are cut on the calling thread, as much in one turn of the event loop: some 10 ms. */
export const INLINE_CHARS_MAX = 20_000

/** Requests waiting for a thread; two full batches of items. */
const WAITING_MAX = 2_000

/** A document takes milliseconds, a PDF of thousands of pages a minute; what takes longer does not end. */
const TIMEOUT_MS = 120_000

/** A document of 20 MB needs some ten times its size; beyond this it would endanger the process. */
const THREAD_MEMORY_MB = 1_024

export interface Reader {
  /**
   * Reads a document and cuts its text, off the calling thread.
   *
   * @throws TurboError what `readDocument` throws; also `invalid_input` for a document that takes too long,
   * `payload_too_large` for one that takes too much memory; `unavailable` when the thread dies (the next call starts a
   * new one), too many requests wait, or the reader is stopped
   */
  read(document: DocumentInput, limits: ChunkLimits): Promise<ReadDocument>
  /** Cuts the text of a knowledge item: small ones here and now, others off the calling thread; throws as `read` does. */
  chunk(text: string, limits: ChunkLimits): Promise<Chunk[]>
  /** Ends the threads; what is pending fails with `unavailable`. Idempotent. */
  stop(): Promise<void>
}

export interface ReaderOptions {
  /** Threads, started when they are needed; default 1. */
  threads?: number
  /** Longest time for one request; default 120 s. */
  timeoutMs?: number
  /** Starts a thread that answers a {@link ReaderRequest} with a {@link ReaderAnswer}. */
  start?: () => Worker
}

interface Job {
  request: ReaderRequest
  resolve: (answer: ReaderAnswer) => void
  reject: (error: unknown) => void
}

type Succeeded<Kind extends ReaderRequest['kind']> = Extract<ReaderAnswer, { kind: Kind }>

export function createReader(options: ReaderOptions = {}): Reader {
  const { threads = 1, timeoutMs = TIMEOUT_MS, start = startReaderThread } = options
  const waiting: Job[] = []
  const idle: Worker[] = []
  const alive = new Set<Worker>()
  let stopped = false
  const takesInline = inlineBudget()

  async function ask<Kind extends ReaderRequest['kind']>(request: ReaderRequest & { kind: Kind }) {
    if (stopped) throw new TurboError('unavailable', 'the document reader is stopped')
    if (waiting.length >= WAITING_MAX) throw tooManyWait()
    const answer = await new Promise<ReaderAnswer>((resolve, reject) => {
      waiting.push({ request, resolve, reject })
      dispatch()
    })
    if (answer.kind === 'failed') throw errorOf(answer)
    assert(answer.kind === request.kind, 'the answer is of the kind that was asked')
    return answer as Succeeded<Kind>
  }

  function dispatch(): void {
    while (waiting.length > 0) {
      const thread = idle.pop() ?? (alive.size < threads ? begin() : undefined)
      if (!thread) return
      const job = waiting.shift() as Job
      run(thread, job, timeoutMs).then((outcome) => {
        if (outcome === 'idle' && alive.has(thread)) {
          // An idle thread does not keep the process alive.
          thread.unref()
          idle.push(thread)
        } else forget(thread)
        dispatch()
      })
    }
  }

  function begin(): Worker {
    const thread = start()
    alive.add(thread)
    // Also while idle: an error event without a listener would end the process.
    thread.on('error', () => forget(thread)).on('exit', () => forget(thread))
    return thread
  }

  function forget(thread: Worker): void {
    alive.delete(thread)
    const at = idle.indexOf(thread)
    if (at >= 0) idle.splice(at, 1)
  }

  return {
    async read(document, limits) {
      const { document: read, spans } = await ask({ kind: 'read', document, limits })
      return { ...read, chunks: withText(read.text, spans) }
    },
    async chunk(text, limits) {
      if (takesInline(text.length)) return chunkText(text, limits)
      const { spans } = await ask({ kind: 'chunk', text, limits })
      return withText(text, spans)
    },
    async stop() {
      stopped = true
      for (const job of waiting.splice(0)) job.reject(new TurboError('unavailable', 'the document reader is stopped'))
      await Promise.all([...alive].map((thread) => thread.terminate()))
    },
  }
}

function tooManyWait(): TurboError {
  return new TurboError('unavailable', `${WAITING_MAX} texts are waiting to be read`, {
    next: 'Try again later, with fewer at once.',
    retryAfterSeconds: 1,
  })
}

function startReaderThread(): Worker {
  return startThread(import.meta.url, './reader-thread', {
    resourceLimits: { maxOldGenerationSizeMb: THREAD_MEMORY_MB },
  })
}

/** Settles `job` by the thread's answer, its end or the timeout, whichever is first; says whether the thread is fit for more. */
function run(thread: Worker, job: Job, timeoutMs: number): Promise<'idle' | 'ended'> {
  return new Promise((resolve) => {
    const settle = (outcome: 'idle' | 'ended', finish: () => void) => {
      clearTimeout(timer)
      thread.off('message', onMessage).off('error', onError).off('exit', onExit)
      finish()
      resolve(outcome)
    }
    const onMessage = (answer: ReaderAnswer) => settle('idle', () => job.resolve(answer))
    const onError = (error: unknown) => settle('ended', () => job.reject(endOf(job.request, error)))
    const onExit = () => settle('ended', () => job.reject(endOf(job.request, undefined)))
    const onTimeout = () => {
      settle('ended', () => job.reject(tooSlow(job.request, timeoutMs)))
      void thread.terminate()
    }
    const timer = setTimeout(onTimeout, timeoutMs)
    thread.on('message', onMessage).on('error', onError).on('exit', onExit)
    thread.ref()
    thread.postMessage(job.request)
  })
}

/** Grants up to {@link INLINE_CHARS_MAX} characters in a turn of the event loop, so that a batch does not block it. */
function inlineBudget(): (chars: number) => boolean {
  let spent = 0
  return (chars) => {
    if (spent + chars > INLINE_CHARS_MAX) return false
    if (spent === 0) {
      setImmediate(() => {
        spent = 0
      })
    }
    spent += chars
    return true
  }
}

function withText(text: string, spans: ChunkSpan[]): Chunk[] {
  return spans.map((span) => ({ ...span, text: text.slice(span.start, span.end) }))
}

function errorOf({ code, message, next, stack }: Extract<ReaderAnswer, { kind: 'failed' }>): TurboError {
  return new TurboError(code, message, { next, cause: stack === undefined ? undefined : new Error(stack) })
}

function endOf(request: ReaderRequest, cause: unknown): TurboError {
  const isOutOfMemory = (cause as { code?: unknown } | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY'
  if (isOutOfMemory) {
    return new TurboError(
      'payload_too_large',
      `${nameOf(request)}: reading it takes more than ${THREAD_MEMORY_MB} MB`,
      {
        next: 'Split it.',
        cause,
      },
    )
  }
  return new TurboError('unavailable', `${nameOf(request)}: the thread that read it ended unexpectedly`, {
    next: 'Try again; a new thread is started.',
    retryAfterSeconds: 1,
    cause,
  })
}

function tooSlow(request: ReaderRequest, timeoutMs: number): TurboError {
  return new TurboError('invalid_input', `${nameOf(request)}: reading it takes more than ${timeoutMs / 1000} s`, {
    next: 'Split it.',
  })
}

function nameOf(request: ReaderRequest): string {
  return request.kind === 'read' ? request.document.path : 'the text'
}
