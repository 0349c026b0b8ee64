import { TurboError } from '../base/errors.ts'

/** Below the idle times of common proxies. */
const KEEP_ALIVE_MS = 15_000
/** Readers at a time; each holds a connection and a page of what it reads. */
const STREAMS_MAX = 500

/** The answers that go on until they are ended: how many there are, and the end of all of them. */
export class EventStreams {
  readonly keepAliveMs: number
  readonly #open = new Set<AbortController>()
  #isStopped = false

  constructor({ keepAliveMs = KEEP_ALIVE_MS }: { keepAliveMs?: number } = {}) {
    this.keepAliveMs = keepAliveMs
  }

  /** @throws TurboError `unavailable` where there are too many, or the server stops */
  open(): AbortController {
    if (this.#isStopped) throw new TurboError('unavailable', 'the server is stopping')
    if (this.#open.size >= STREAMS_MAX) {
      throw new TurboError('unavailable', `${STREAMS_MAX} streams are being read`, {
        retryAfterSeconds: 5,
        next: 'Ask again in a moment, or read in pages, without Accept: text/event-stream.',
      })
    }
    const stream = new AbortController()
    this.#open.add(stream)
    return stream
  }

  close(stream: AbortController): void {
    this.#open.delete(stream)
    stream.abort()
  }

  stop(): void {
    this.#isStopped = true
    for (const stream of this.#open) stream.abort()
  }
}
