import { must } from '../../base/assert.ts'
import { TurboError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../db/executor.ts'
import { embedChunks } from '../background/backlog.ts'
import { countFresh, indexFresh } from '../background/queries.ts'
import type { Embedder } from '../embedders/port.ts'
import { chunkTokensOf } from './chunk-limits.ts'
import {
  chunksToEmbed,
  createSpaceIndex,
  type EmbedderDescription,
  embeddingProgress,
  ensureSpace,
  findActiveSpace,
  lockSpaceSwitch,
  markUnembedded,
  type SpaceRow,
  switchActive,
} from './queries.ts'

const CHUNKS_MAX = 64
/** Fewer vectors than this are compared one by one anyway. */
const INDEX_FROM = 4_000
const INDEX_BATCH = { postgres: 64, embedded: 3 } as const

export interface ReembedProgress {
  model: string
  phase: 'embedding' | 'indexing' | 'switched'
  done: number
  total: number
}

/**
 * Embeds every chunk into the embedder's space while the active one goes on answering, then switches. What is there
 * already is kept, so it goes on where an earlier run ended.
 *
 * @throws TurboError `conflict` when another process is at it, `embedder_unavailable` when the embedder goes away; the
 * active space is as before then; `invalid_input` for a model that takes shorter passages than the store is cut into
 */
export async function reembed(
  db: Database,
  embedder: Embedder,
  description: EmbedderDescription,
  log: Log,
  onProgress: (progress: ReembedProgress) => void,
  signal: AbortSignal,
): Promise<ReembedProgress> {
  const held = await db.tryExclusive('agent-turbo:re-embed', async (session) => {
    const identity = await embedder.space()
    const chunkTokens = chunkTokensOf(embedder)
    const active = await findActiveSpace(db)
    if (active && active.chunkTokens > chunkTokens) throw tooSmall(active, identity.model, chunkTokens)
    const space = await ensureSpace(db, identity, chunkTokens, description)
    await createSpaceIndex(session, space, db.engine === 'postgres')
    const switched = async (): Promise<ReembedProgress> => {
      return { model: space.model, phase: 'switched', ...(await embeddingProgress(db, space.id)) }
    }
    if (space.status === 'active') return switched()
    await embedAll(db, space, embedder, onProgress, signal)
    await indexAll(db, space, onProgress, signal)
    await db.transaction(async (tx) => {
      await lockSpaceSwitch(tx)
      await switchActive(tx, space.id)
      // Written between the last batch and the lock: the backlog embeds them.
      await markUnembedded(tx, space.id)
    })
    log.info({ model: space.model, dimensions: space.dimensions }, 'switched to another embedding space')
    return switched()
  })
  if (!held) throw new TurboError('conflict', 'another process is re-embedding', { next: 'Wait for it to end.' })
  return held.value
}

/** A model cuts off what is longer than it takes without saying so: the ends of passages would not be found. */
function tooSmall(active: SpaceRow, model: string, chunkTokens: number): TurboError {
  return new TurboError(
    'invalid_input',
    `the store is cut into passages of up to ${active.chunkTokens} tokens, ${model} takes ${chunkTokens}`,
    { next: 'Export the store and import it into a new one that starts with this model.' },
  )
}

/**
 * Goes over all chunks until a pass finds few without a vector: items are added meanwhile, and the last ones are left to
 * the backlog, or a busy store would never switch.
 */
async function embedAll(
  db: Database,
  space: SpaceRow,
  embedder: Embedder,
  onProgress: (progress: ReembedProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let stored = CHUNKS_MAX; stored >= CHUNKS_MAX; ) {
    stored = 0
    const { done, total } = await embeddingProgress(db, space.id)
    for (let after: number | null = 0; after !== null; ) {
      signal.throwIfAborted()
      onProgress({ model: space.model, phase: 'embedding', done: Math.min(done + stored, total), total })
      const chunks = await chunksToEmbed(db, space.id, after, CHUNKS_MAX, false)
      // Texts that the embedder refuses stay without a vector and do not keep the passes going.
      stored += (await embedChunks(db, space, embedder, chunks, signal)).stored
      after = chunks.length === CHUNKS_MAX ? must(chunks.at(-1), 'a full batch has a last chunk').chunkId : null
    }
  }
}

async function indexAll(
  db: Database,
  space: SpaceRow,
  onProgress: (progress: ReembedProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const { done: total } = await embeddingProgress(db, space.id)
  if ((await countFresh(db, space.id, INDEX_FROM)) < INDEX_FROM) return
  for (let done = 0; ; ) {
    signal.throwIfAborted()
    const indexed = await indexFresh(db, space.id, INDEX_BATCH[db.engine])
    if (indexed === 0) return
    done += indexed
    onProgress({ model: space.model, phase: 'indexing', done: Math.min(done, total), total })
  }
}
