import type { Worker } from 'node:worker_threads'
import { TurboError } from '../../base/errors.ts'
import type { ThreadAnswer, ThreadFailure } from './thread-protocol.ts'

/** Worker threads that each compute one text at a time. */
export interface EmbeddingThreads {
  /**
   * The vector of one text as the model gave it. At most as many calls at once as there are threads.
   *
   * @throws TurboError `embedder_unavailable` when the thread cannot load its model or dies; the next call gets a new
   * thread
   */
  encode(text: string): Promise<Float32Array>
  stop(): Promise<void>
}

/**
 * @param start makes a thread whose body is `answerTexts`; threads are started when all others are busy
 */
export function createEmbeddingThreads(embedder: string, start: () => Worker): EmbeddingThreads {
  const threads = new Set<Worker>()
  const idle: Worker[] = []

  function begin(): Worker {
    const thread = start()
    threads.add(thread)
    // Also while idle: an error event without a listener would end the process.
    thread.on('error', () => forget(thread)).on('exit', () => forget(thread))
    return thread
  }

  function forget(thread: Worker): void {
    threads.delete(thread)
    const at = idle.indexOf(thread)
    if (at >= 0) idle.splice(at, 1)
  }

  async function encode(text: string): Promise<Float32Array> {
    const thread = idle.pop() ?? begin()
    const answer = await ask(thread, text).catch((cause) => {
      forget(thread)
      throw new TurboError('embedder_unavailable', `a thread of the ${embedder} embedder ended unexpectedly`, {
        next: 'Try again; a new thread is started.',
        cause,
      })
    })
    if ('vector' in answer) {
      idle.push(thread)
      return answer.vector
    }
    if (answer.failure.kind === 'text') idle.push(thread)
    else {
      forget(thread)
      await thread.terminate()
    }
    throw failed(embedder, answer.failure)
  }

  return {
    encode,
    async stop() {
      await Promise.all([...threads].map((thread) => thread.terminate()))
    },
  }
}

/** Posts `text` and waits for the one answer, the thread's error or its end, whichever is first. */
function ask(thread: Worker, text: string): Promise<ThreadAnswer> {
  return new Promise((resolve, reject) => {
    const onMessage = (answer: ThreadAnswer) => settle(() => resolve(answer))
    const onError = (error: unknown) => settle(() => reject(error))
    const onExit = () => settle(() => reject(new Error('the thread ended')))
    const settle = (finish: () => void) => {
      thread.off('message', onMessage).off('error', onError).off('exit', onExit)
      finish()
    }
    thread.on('message', onMessage).on('error', onError).on('exit', onExit)
    thread.postMessage(text)
  })
}

function failed(embedder: string, failure: ThreadFailure): TurboError {
  const next = failure.next ?? 'Reinstall the package, or configure another embedder.'
  return new TurboError('embedder_unavailable', `${embedder} embedder: ${failure.message}`, { next })
}
