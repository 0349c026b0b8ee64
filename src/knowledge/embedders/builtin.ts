import { availableParallelism } from 'node:os'
import { startThread } from '../../base/thread.ts'
import { BUILTIN_MODEL } from './models.ts'
import type { Embedder } from './port.ts'
import { createThreadEmbedder } from './thread-embedder.ts'

export interface BuiltinOptions {
  /** Worker threads, each with its own copy of the model (about 150 MB). Default: one a core, at most 8. */
  threads?: number
}

const THREADS_MAX_DEFAULT = 8

/**
 * The embedder inside the package: no service, no download, English, 512 dimensions. Weak as a retriever; it finds
 * paraphrases that share no word with the text. The first thread starts with the first text, further ones when all
 * are busy.
 */
export function createBuiltinEmbedder(options: BuiltinOptions = {}): Embedder {
  return createThreadEmbedder({
    name: 'builtin',
    model: BUILTIN_MODEL,
    threads: options.threads ?? Math.min(availableParallelism(), THREADS_MAX_DEFAULT),
    start: () => startThread(import.meta.url, './builtin-thread'),
  })
}
