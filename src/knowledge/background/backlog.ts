import { isTurboError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { createLoop, type Loop } from '../../base/loop.ts'
import type { Database, Executor } from '../../db/executor.ts'
import type { Embedder } from '../embedders/port.ts'
import {
  type ChunkToEmbed,
  chunksToEmbed,
  contentsOf,
  insertVectors,
  markFinished,
  markReady,
  type SpaceRow,
} from '../spaces/queries.ts'
import type { EmbeddingSpaces } from '../spaces/spaces.ts'
import { embeddingText, toHalfvec } from '../spaces/vectors.ts'

/** Chunks embedded at once: enough to fill an embedder's batches, few enough to show progress. */
const CHUNKS_MAX = 64
/** Vectors a statement, so that the embedded engine answers queries in between. */
const STATEMENT_VECTORS_MAX = 16
const IDLE_MS = 2_000
/** Every write wakes it, most of them with nothing for it to do. */
const REST_MS = 100
/** Longest time one batch may take an embedder. */
const BATCH_MS_MAX = 120_000

export interface BacklogOptions {
  db: Database
  spaces: EmbeddingSpaces
  log: Log
  onWrite: () => void
}

/**
 * Embeds what was stored without vectors. One process at a time works on it, so that no text is paid for twice; when it
 * dies, the next goes on where the vectors end.
 */
export function createBacklog({ db, spaces, log, onWrite }: BacklogOptions): Loop {
  const step = async (signal: AbortSignal): Promise<boolean> => {
    const { state } = spaces
    if (!state.ready || (await chunksToEmbed(db, state.space.id, 0, 1, true)).length === 0) {
      return state.ready && (await markFinished(db, state.space.id, CHUNKS_MAX)) > 0
    }
    const held = await db.tryExclusive('agent-turbo:embedding-backlog', async () => {
      const refused = new Set<number>()
      // A switch of the space ends the round; the next one is of the new space.
      for (let after: number | null = 0; after !== null && spaces.state === state && !signal.aborted; ) {
        const chunks = await chunksToEmbed(db, state.space.id, after, CHUNKS_MAX, true)
        const embedded = await embedChunks(db, state.space, state.embedder, chunks, signal).catch((error: unknown) => {
          if (signal.aborted || (isTurboError(error) && error.code !== 'embedder_unavailable')) throw error
          throw spaces.lost(state, error)
        })
        for (const chunkId of embedded.refused) refused.add(chunkId)
        const items = [...new Set(chunks.map((chunk) => chunk.itemId))]
        if (items.length > 0) await markReady(db, state.space.id, items, [...refused])
        onWrite()
        after = chunks.at(-1)?.chunkId ?? null
      }
      if (refused.size > 0)
        log.warn({ chunks: [...refused].slice(0, 20) }, 'texts that the embedder refuses have no vectors')
    })
    if (!held) log.debug('another process embeds the backlog')
    return false
  }
  return createLoop({ name: 'embedding-backlog', idleMs: IDLE_MS, restMs: REST_MS, log, step })
}

/**
 * Computes and stores the vectors of some chunks in a space. A text that the embedder refuses as such gets none and
 * stays findable by its words; it does not hold up the others. Answers how many were stored, and the ids of the chunks
 * that were refused.
 */
export async function embedChunks(
  db: Executor,
  space: SpaceRow,
  embedder: Embedder,
  chunks: ChunkToEmbed[],
  signal: AbortSignal,
): Promise<{ stored: number; refused: number[] }> {
  const contents = new Map<number, string>()
  const itemIds = [...new Set(chunks.map((chunk) => chunk.itemId))]
  if (itemIds.length === 0) return { stored: 0, refused: [] }
  for (const { id, content } of await contentsOf(db, itemIds)) contents.set(id, content)
  const texts = chunks.map(({ itemId, title, heading, startOffset, endOffset }) =>
    embeddingText(title, heading, (contents.get(itemId) ?? '').slice(startOffset, endOffset)),
  )
  const within = AbortSignal.any([signal, AbortSignal.timeout(BATCH_MS_MAX)])
  const vectors = await embedAcceptable(embedder, texts, within)
  const rows = chunks.flatMap(({ chunkId }, index) => {
    const vector = vectors[index]
    return vector ? [{ chunkId, vector: toHalfvec(vector) }] : []
  })
  let stored = 0
  for (let at = 0; at < rows.length; at += STATEMENT_VECTORS_MAX) {
    stored += await insertVectors(db, space, rows.slice(at, at + STATEMENT_VECTORS_MAX))
  }
  return { stored, refused: chunks.filter((_, index) => !vectors[index]).map((chunk) => chunk.chunkId) }
}

/** A vector a text, null for a text that the embedder refuses even on its own. */
async function embedAcceptable(
  embedder: Embedder,
  texts: string[],
  signal: AbortSignal,
): Promise<(Float32Array | null)[]> {
  try {
    return await embedder.embed(texts, 'document', signal)
  } catch (error) {
    if (!isTurboError(error, 'invalid_input')) throw error
    if (texts.length === 1) return [null]
  }
  const middle = texts.length >> 1
  return [
    ...(await embedAcceptable(embedder, texts.slice(0, middle), signal)),
    ...(await embedAcceptable(embedder, texts.slice(middle), signal)),
  ]
}
