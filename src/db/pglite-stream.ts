import { Duplex } from 'node:stream'
import type { Worker } from 'node:worker_threads'
import { startThread } from '../base/thread.ts'
import type { FromThread, PgliteThreadData, ToThread } from './pglite-thread.ts'

/**
 * A socket, as the `pg` client sees it, whose other end is PGlite in a worker thread. Ending it closes the data directory
 * in order; destroying it ends the thread at once, which PostgreSQL survives like any crash.
 */
export class PgliteStream extends Duplex {
  /** Settles when the thread is gone and touches the data directory no more. Never rejects. */
  readonly exited: Promise<void>
  readonly #worker: Worker
  #ended = false

  constructor(directory: string) {
    super()
    const data: PgliteThreadData = { directory }
    this.#worker = startThread(import.meta.url, './pglite-thread', { workerData: data })
    this.#worker.on('message', (message: FromThread) => this.#receive(message))
    this.#worker.on('error', (error) => this.destroy(error))
    this.exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#ended = true
        this.destroy()
        resolve()
      })
    })
  }

  #receive(message: FromThread): void {
    if (message.type === 'ready') this.emit('connect')
    else if (message.type === 'bytes') this.push(message.bytes)
    else this.push(null)
  }

  #post(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer)
  }

  override _read(): void {
    // The engine answers each request with one message; there is nothing to hold back.
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: () => void): void {
    this.#sendBytes([chunk], callback)
  }

  /** The client corks the messages of one statement, so that they cross to the thread together. */
  override _writev(chunks: { chunk: Uint8Array }[], callback: () => void): void {
    this.#sendBytes(
      chunks.map(({ chunk }) => chunk),
      callback,
    )
  }

  #sendBytes(chunks: Uint8Array[], callback: () => void): void {
    const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
    let offset = 0
    for (const chunk of chunks) {
      bytes.set(chunk, offset)
      offset += chunk.length
    }
    this.#post({ type: 'bytes', bytes }, [bytes.buffer])
    callback()
  }

  override _final(callback: () => void): void {
    this.#worker.once('exit', () => callback())
    this.#post({ type: 'close' })
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const done = () => callback(error)
    if (this.#ended) done()
    else this.#worker.terminate().then(done, done)
  }

  /** The calls of a `net.Socket` that the client makes. */
  connect(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    this.#worker.ref()
    return this
  }

  unref(): this {
    this.#worker.unref()
    return this
  }
}
