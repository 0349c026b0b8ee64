import type { Worker } from 'node:worker_threads'
import { must } from '../../base/assert.ts'
import { healthOf } from './health.ts'
import { createLanes } from './lanes.ts'
import { type ModelTraits, modelTraits, withPrefix } from './models.ts'
import type { Embedder } from './port.ts'
import { createEmbeddingThreads } from './threads.ts'
import { refuseBlank, unitVector } from './vectors.ts'

export interface ThreadEmbedderOptions {
  name: string
  model: string
  threads: number
  /** Starts one thread whose body is `answerTexts`. */
  start(): Worker
}

/**
 * An embedder that computes in this process, off the main thread. Threads take one text at a time, so a query waits
 * for one text at most, however many documents are waiting.
 */
export function createThreadEmbedder(options: ThreadEmbedderOptions): Embedder {
  const { name, model } = options
  const traits: ModelTraits = modelTraits(model)
  const lanes = createLanes(name, options.threads)
  const threads = createEmbeddingThreads(name, options.start)
  let dimensions = traits.dimensions

  const embed: Embedder['embed'] = async (texts, kind, signal) => {
    refuseBlank(texts)
    return lanes.run(texts, kind, signal, async (text) => {
      const vector = unitVector(await threads.encode(withPrefix(traits.prefixes, kind, text)), dimensions, name)
      dimensions ??= vector.length
      return vector
    })
  }

  return {
    name,
    traits,
    embed,
    async space() {
      if (dimensions === undefined) await embed(['dimension'], 'document')
      return {
        model,
        dimensions: must(dimensions, 'an answer tells the dimension'),
        prefixScheme: traits.prefixes.name,
      }
    },
    health: () => healthOf(() => embed(['health'], 'query')),
    async stop() {
      lanes.stop()
      await threads.stop()
    },
  }
}
