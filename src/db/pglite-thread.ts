import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { vector } from '@electric-sql/pglite-pgvector'
import { must } from '../base/assert.ts'

/** What the thread is started with. */
export interface PgliteThreadData {
  /** The PostgreSQL data directory; created when it does not exist. */
  directory: string
}

/** From the thread: it accepts statements, the engine's bytes, it has closed the data directory. */
export type FromThread = { type: 'ready' } | { type: 'bytes'; bytes: Uint8Array<ArrayBuffer> } | { type: 'closed' }

/** To the thread: the client's bytes, or close the data directory and end. */
export type ToThread = { type: 'bytes'; bytes: Uint8Array<ArrayBuffer> } | { type: 'close' }

/**
 * The engine off the main thread. It speaks the wire protocol of PostgreSQL in raw bytes, so that the main thread
 * drives it with the same client as a server, and rows, types, errors and notifications cannot differ.
 */
async function serve(port: MessagePort, { directory }: PgliteThreadData): Promise<void> {
  const engine = await PGlite.create({ dataDir: directory, extensions: { vector } })
  const send = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
  // Messages are worked off one at a time: a second one must not enter the engine before the first has left it. An error
  // here is not of a statement, those travel as bytes; it ends the thread as an unhandled rejection.
  let turn = Promise.resolve()
  port.on('message', (message: ToThread) => {
    turn = turn.then(() => (message.type === 'close' ? close() : execute(message.bytes)))
  })
  send({ type: 'ready' })

  async function execute(bytes: Uint8Array): Promise<void> {
    const parts: Uint8Array[] = []
    // The engine reuses its buffer: each part is copied before the next one comes.
    await engine.execProtocolRawStream(bytes, { onRawData: (part) => parts.push(part.slice()) })
    const answer = join(parts)
    send({ type: 'bytes', bytes: answer }, [answer.buffer])
  }

  async function close(): Promise<void> {
    await engine.close()
    send({ type: 'closed' })
    port.close()
  }
}

/** The parts as one array that owns its buffer, to be handed over without another copy. */
function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

await serve(must(parentPort, 'runs as a worker thread'), workerData)
