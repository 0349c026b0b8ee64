import { existsSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { workerData } from 'node:worker_threads'
import type { Pooling } from './models.ts'
import { answerTexts, type Encode, LoadError } from './thread-protocol.ts'

/** What the parent hands to the thread. */
export interface OnnxThreadData {
  peer: string
  model: string
  pooling: Pooling
}

/** The part of `@huggingface/transformers` used here; the package is optional, so its types cannot be imported. */
interface Transformers {
  env: { allowRemoteModels: boolean; localModelPath: string }
  pipeline(task: 'feature-extraction', model: string, options: { dtype: 'q8' }): Promise<Extractor>
}

type Extractor = (
  text: string,
  options: { pooling: Pooling; normalize: boolean },
) => Promise<{ data: Float32Array<ArrayBuffer> }>

answerTexts(() => load(workerData as OnnxThreadData))

async function load({ peer, model, pooling }: OnnxThreadData): Promise<Encode> {
  const transformers = await importPeer(peer)
  const extract = await openModel(transformers, model)
  // The library's defaults are no pooling and no normalising, which would answer a matrix of token vectors.
  return async (text) => (await extract(text, { pooling, normalize: true })).data.slice()
}

async function importPeer(peer: string): Promise<Transformers> {
  try {
    return (await import(peer)) as Transformers
  } catch (error) {
    throw new LoadError(
      'the optional package @huggingface/transformers is not installed, or does not load here',
      'Install it with: npm install @huggingface/transformers (about 470 MB), or configure another embedder.',
      error,
    )
  }
}

async function openModel({ env, pipeline }: Transformers, model: string): Promise<Extractor> {
  const folder = resolve(model)
  const isFolder = existsSync(folder)
  if (isFolder) {
    // A folder is never looked up on the hub, so that it works offline and a wrong one fails at once.
    env.allowRemoteModels = false
    env.localModelPath = dirname(folder)
  }
  try {
    // 8-bit weights: the library's default in Node is fp32, four times the memory for no better ranking.
    return await pipeline('feature-extraction', isFolder ? basename(folder) : model, { dtype: 'q8' })
  } catch (error) {
    throw new LoadError(
      `the model ${basename(model)} could not be loaded`,
      'Give a folder with config.json, tokenizer.json and onnx/model_quantized.onnx, or the id of a hub model that can be fetched.',
      error,
    )
  }
}
