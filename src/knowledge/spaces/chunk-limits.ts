import type { Embedder } from '../embedders/port.ts'

/** A passage longer than this is about too much for one vector, whatever the model allows. */
const CHUNK_TOKENS_MAX = 384

/** Longest passage, in tokens, that the store is cut into for this embedder. */
export function chunkTokensOf({ traits }: Embedder): number {
  return Math.min(traits.maxTokens, CHUNK_TOKENS_MAX)
}
