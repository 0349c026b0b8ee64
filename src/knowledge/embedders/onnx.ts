import { startThread } from '../../base/thread.ts'
import { modelTraits } from './models.ts'
import type { OnnxThreadData } from './onnx-thread.ts'
import type { Embedder } from './port.ts'
import { createThreadEmbedder } from './thread-embedder.ts'

export interface OnnxOptions {
  /** A folder with `config.json`, `tokenizer.json` and `onnx/model_quantized.onnx`, or the id of a model on the hub. */
  model: string
  /** Worker threads, each with its own copy of the model. Default 1: the runtime uses all cores by itself. */
  threads?: number
  /** Module specifier of the optional peer; tests name another place. */
  peer?: string
}

/** The optional peer dependency that runs the model. */
const PEER = '@huggingface/transformers'

/**
 * Any ONNX embedding model in this process, by the optional peer `@huggingface/transformers`. The runtime computes
 * on the thread that asks, hence a worker thread.
 */
export function createOnnxEmbedder(options: OnnxOptions): Embedder {
  const { pooling } = modelTraits(options.model)
  const workerData: OnnxThreadData = { peer: options.peer ?? PEER, model: options.model, pooling }
  return createThreadEmbedder({
    name: 'onnx',
    model: options.model,
    threads: options.threads ?? 1,
    start: () => startThread(import.meta.url, './onnx-thread', { workerData }),
  })
}
