import { sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import type { EmbeddingSpaceIdentity } from '../embedders/port.ts'
import { toHalfvecArray } from './vectors.ts'

export interface SpaceRow {
  id: number
  model: string
  dimensions: number
  prefixScheme: string
  status: 'building' | 'active' | 'retired'
  embedder: EmbedderDescription | null
  /** Longest passage its vectors stand for, in the chunker's tokens. */
  chunkTokens: number
  /** The oid of `halfvec` in this database: see `toHalfvecArray`. */
  vectorType: number
}

/** How a server that is configured for no embedder in particular makes a space's vectors. */
export interface EmbedderDescription {
  kind: 'builtin' | 'service' | 'openai' | 'ollama' | 'tei' | 'onnx'
  url?: string
  model?: string
}

const COLUMNS = sql.raw(
  `id, model, dimensions, prefix_scheme, status, embedder, chunk_tokens, 'halfvec'::regtype::oid as vector_type`,
)

export async function findActiveSpace(db: Executor): Promise<SpaceRow | undefined> {
  const rows = await db.query<SpaceRow>(sql`select ${COLUMNS} from embedding_spaces where status = 'active'`)
  return rows[0]
}

export function listSpaces(db: Executor): Promise<(SpaceRow & { vectors: number; unindexed: number })[]> {
  return db.query(sql`
    select ${COLUMNS},
      (select count(*) from knowledge_vectors v where v.space_id = s.id) as vectors,
      (select count(*) from knowledge_vectors v where v.space_id = s.id and not v.indexed) as unindexed
    from embedding_spaces s order by id`)
}

/** The space's row, made when it is new; several processes may call this at once. A retired space is built again. */
export async function ensureSpace(
  db: Executor,
  { model, dimensions, prefixScheme }: EmbeddingSpaceIdentity,
  chunkTokens: number,
  embedder: EmbedderDescription | null,
): Promise<SpaceRow> {
  const description = embedder && JSON.stringify(embedder)
  const rows = await db.query<SpaceRow>(sql`
    insert into embedding_spaces as s (model, dimensions, prefix_scheme, chunk_tokens, embedder)
    values (${model}, ${dimensions}, ${prefixScheme}, ${chunkTokens}, ${description}::jsonb)
    on conflict (model, dimensions, prefix_scheme) do update
      set status = case when s.status = 'retired' then 'building' else s.status end,
        chunk_tokens = greatest(s.chunk_tokens, excluded.chunk_tokens),
        embedder = coalesce(excluded.embedder, s.embedder)
    returning ${COLUMNS}`)
  return rows[0] as SpaceRow
}

/**
 * The HNSW graph of one space, over the vectors that the indexer has let in. m = 16 is pgvector's default;
 * ef_construction = 100 is worth its build time from 100,000 vectors on (docs/decisions/004-vectors.md).
 */
export async function createSpaceIndex(db: Executor, space: SpaceRow, concurrently: boolean): Promise<void> {
  const { id, dimensions } = space
  const name = `knowledge_vectors_space_${id}`
  if (concurrently) {
    // What an interrupted build left behind is never used, and would keep this one from being made.
    const invalid = await db.query(sql`
      select 1 from pg_index where indexrelid = to_regclass(${name}) and not indisvalid`)
    if (invalid.length > 0) await db.query(sql.raw(`drop index concurrently ${name}`))
  }
  await db.query(
    sql.raw(`
    create index ${concurrently ? 'concurrently' : ''} if not exists ${name} on knowledge_vectors
    using hnsw ((embedding::halfvec(${dimensions})) halfvec_cosine_ops) with (m = 16, ef_construction = 100)
    where space_id = ${id} and indexed`),
  )
}

/** Held shared while vectors of the active space are written, exclusively while another space becomes the active one. */
export const SPACE_SWITCH_LOCK = sql`hashtext('agent-turbo:space-switch')`

/** Waits until no statement writes vectors of the active space, and keeps new ones out until the transaction ends. */
export async function lockSpaceSwitch(tx: Executor): Promise<void> {
  await tx.query(sql`select pg_advisory_xact_lock(${SPACE_SWITCH_LOCK})`)
}

/** Retires the active space and makes `spaceId` the active one; called inside a transaction that holds the switch lock. */
export async function switchActive(tx: Executor, spaceId: number): Promise<void> {
  await tx.query(sql`update embedding_spaces set status = 'retired' where status = 'active' and id <> ${spaceId}`)
  await tx.query(sql`update embedding_spaces set status = 'active', activated_at = now() where id = ${spaceId}`)
}

/** Marks items that lack a vector of the space as pending, so that the backlog embeds them. */
export async function markUnembedded(tx: Executor, spaceId: number): Promise<void> {
  await tx.query(sql`
    update agent_knowledge k set embedding_state = 'pending'
    where embedding_state = 'ready' and exists (
      select from knowledge_chunks c where c.item_id = k.id and not exists (
        select from knowledge_vectors v where v.chunk_id = c.id and v.space_id = ${spaceId}))`)
}

/**
 * A space that was retired so long ago that every process has noticed, or none. Until it has, a process goes on asking
 * the space that it knows.
 */
export async function findRetiredSpace(db: Executor, secondsMin: number): Promise<number | null> {
  const rows = await db.query<{ id: number }>(sql`
    select r.id from embedding_spaces r join embedding_spaces a on a.status = 'active'
    where r.status = 'retired' and a.activated_at <= now() - make_interval(secs => ${secondsMin})
    order by r.id limit 1`)
  return rows[0]?.id ?? null
}

/** Removes up to `limit` vectors of a space while it is retired; the number removed. */
export async function deleteRetiredVectors(db: Executor, spaceId: number, limit: number): Promise<number> {
  const rows = await db.query(sql`
    delete from knowledge_vectors
    where space_id = ${spaceId} and chunk_id in (
      select v.chunk_id from knowledge_vectors v join embedding_spaces s on s.id = v.space_id and s.status = 'retired'
      where v.space_id = ${spaceId} limit ${limit})
    returning 1 as one`)
  return rows.length
}

/** Removes a retired space that has no vectors left, with its index. Called inside a transaction: both or neither. */
export async function deleteRetiredSpace(tx: Executor, spaceId: number): Promise<void> {
  const rows = await tx.query(sql`
    delete from embedding_spaces s where id = ${spaceId} and status = 'retired'
      and not exists (select from knowledge_vectors v where v.space_id = s.id) returning id`)
  if (rows.length > 0) await tx.query(sql.raw(`drop index if exists knowledge_vectors_space_${spaceId}`))
}

export interface ChunkToEmbed {
  chunkId: number
  itemId: number
  title: string | null
  heading: string | null
  startOffset: number
  endOffset: number
}

/**
 * Chunks after `afterChunkId` without a vector in the space, by id; with `onlyPending` those of pending items, item by
 * item, where few pending items among many must not cost a look at every chunk.
 */
export function chunksToEmbed(
  db: Executor,
  spaceId: number,
  afterChunkId: number,
  limit: number,
  onlyPending: boolean,
): Promise<ChunkToEmbed[]> {
  if (onlyPending) {
    return db.query<ChunkToEmbed>(sql`
      with last as materialized (
        select coalesce((select item_id from knowledge_chunks where id = ${afterChunkId}), 0) as item_id
      )
      select c.id as chunk_id, k.id as item_id, k.title, c.heading, c.start_offset, c.end_offset
      from agent_knowledge k cross join lateral (
        select c.id, c.heading, c.start_offset, c.end_offset from knowledge_chunks c
        where c.item_id = k.id and (k.id > (select item_id from last) or c.id > ${afterChunkId})
          and not exists (select from knowledge_vectors v where v.chunk_id = c.id and v.space_id = ${spaceId})
        offset 0
      ) c
      where k.embedding_state = 'pending' and k.id >= (select item_id from last)
      order by k.id, c.id limit ${limit}`)
  }
  return db.query<ChunkToEmbed>(sql`
    select c.id as chunk_id, c.item_id, k.title, c.heading, c.start_offset, c.end_offset
    from knowledge_chunks c join agent_knowledge k on k.id = c.item_id
    where c.id > ${afterChunkId}
      and not exists (select from knowledge_vectors v where v.chunk_id = c.id and v.space_id = ${spaceId})
    order by c.id limit ${limit}`)
}

export function contentsOf(db: Executor, itemIds: number[]): Promise<{ id: number; content: string }[]> {
  return db.query(sql`select id, content from agent_knowledge where id = any(${sql.param(itemIds)}::bigint[])`)
}

/** Stores vectors of chunks that still exist, leaving out those erased or embedded meanwhile; the number stored. */
export async function insertVectors(
  db: Executor,
  space: SpaceRow,
  vectors: { chunkId: number; vector: Buffer }[],
): Promise<number> {
  const chunkIds = vectors.map(({ chunkId }) => chunkId)
  const binaries = vectors.map(({ vector }) => vector)
  const embeddings = toHalfvecArray(binaries, space.vectorType)
  const rows = await db.query(sql`
    insert into knowledge_vectors (chunk_id, space_id, item_id, embedding)
    select c.id, ${space.id}::int, c.item_id, v.embedding
    from unnest(${sql.param(chunkIds)}::bigint[], ${embeddings}::halfvec[]) as v(chunk_id, embedding)
    join knowledge_chunks c on c.id = v.chunk_id
    on conflict do nothing
    returning chunk_id`)
  return rows.length
}

/**
 * Marks pending items whose every chunk has a vector of the space as ready; items without chunks as well. Chunks that
 * the embedder has refused need none: asking again and again would change nothing. Does nothing once another space is
 * active, which this process may not have noticed yet.
 */
export async function markReady(db: Executor, spaceId: number, itemIds: number[], refused: number[]): Promise<void> {
  await db.query(sql`
    update agent_knowledge k set embedding_state = 'ready'
    where k.id = any(${sql.param(itemIds)}::bigint[]) and k.embedding_state = 'pending'
      and exists (select from embedding_spaces where id = ${spaceId} and status = 'active') and not exists (
      select from knowledge_chunks c
      where c.item_id = k.id and c.id <> all(${sql.param(refused)}::bigint[]) and not exists (
        select from knowledge_vectors v where v.chunk_id = c.id and v.space_id = ${spaceId}))`)
}

/**
 * Pending items that lack nothing become ready: their process died between the last vector and the mark. Looks before
 * it changes: a statement that changes no row still tells every process that something was written.
 */
export async function markFinished(db: Executor, spaceId: number, limit: number): Promise<number> {
  const rows = await db.query<{ id: number }>(sql`
    select p.id from agent_knowledge p
    where p.embedding_state = 'pending'
      and exists (select from embedding_spaces where id = ${spaceId} and status = 'active') and not exists (
      select from knowledge_chunks c where c.item_id = p.id and not exists (
        select from knowledge_vectors v where v.chunk_id = c.id and v.space_id = ${spaceId}))
    limit ${limit}`)
  const ids = rows.map((row) => row.id)
  if (ids.length > 0) await markReady(db, spaceId, ids, [])
  return ids.length
}

/** How many chunks have a vector in the space, and how many there are. */
export async function embeddingProgress(db: Executor, spaceId: number): Promise<{ done: number; total: number }> {
  const rows = await db.query<{ done: number; total: number }>(sql`
    select (select count(*) from knowledge_vectors where space_id = ${spaceId}) as done,
      (select count(*) from knowledge_chunks) as total`)
  return rows[0] ?? { done: 0, total: 0 }
}

/** Health asks for it every second: more than this many are not told apart. */
const PENDING_COUNTED_MAX = 100_000

/** Items waiting for their vectors, counted no further than 100,000. */
export async function pendingItems(db: Executor): Promise<number> {
  const rows = await db.query<{ items: number }>(sql`
    select count(*) as items
    from (select from agent_knowledge where embedding_state = 'pending' limit ${PENDING_COUNTED_MAX}) p`)
  return rows[0]?.items ?? 0
}
