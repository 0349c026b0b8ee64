import { parentPort } from 'node:worker_threads'

/** Why a thread has no vector. Never holds the text. */
export interface ThreadFailure {
  /** `load`: the model could not be loaded, so the thread is of no use; `text`: this one text failed. */
  kind: 'load' | 'text'
  /** Public sentence. */
  message: string
  /** Public next step. */
  next?: string
}

/** A thread's answer to one text: a vector as the model gave it, or why not. */
export type ThreadAnswer = { vector: Float32Array<ArrayBuffer> } | { failure: ThreadFailure }

/** Computes one text's vector in the thread. */
export type Encode = (text: string) => Float32Array<ArrayBuffer> | Promise<Float32Array<ArrayBuffer>>

/** Thrown by a thread's `load` to say publicly why it cannot work. */
export class LoadError extends Error {
  readonly next: string

  constructor(message: string, next: string, cause: unknown) {
    super(message, { cause })
    this.next = next
  }
}

/**
 * The body of an embedding thread: loads the model once, then answers each text that its parent posts. The parent
 * posts the next text only after the answer to the last.
 */
export function answerTexts(load: () => Promise<Encode>): void {
  const loaded = load()
  // The first text reports a failed load; without this the rejection would end the thread before that.
  loaded.catch(() => undefined)
  parentPort?.on('message', async (text: string) => {
    const answer = await answerOne(loaded, text)
    parentPort?.postMessage(answer, 'vector' in answer ? [answer.vector.buffer] : [])
  })
}

async function answerOne(loaded: Promise<Encode>, text: string): Promise<ThreadAnswer> {
  let encode: Encode
  try {
    encode = await loaded
  } catch (error) {
    if (error instanceof LoadError) return { failure: { kind: 'load', message: error.message, next: error.next } }
    return { failure: { kind: 'load', message: 'the embedding model could not be loaded' } }
  }
  try {
    return { vector: await encode(text) }
  } catch {
    // The library's message may quote the text, so it stays in the thread.
    return { failure: { kind: 'text', message: 'the embedding model failed on a text' } }
  }
}
