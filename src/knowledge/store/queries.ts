import { type SQL, sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import { ANSWER_BYTES_MAX, inScope } from '../scope-queries.ts'
import { SPACE_SWITCH_LOCK, type SpaceRow } from '../spaces/queries.ts'
import { toHalfvecArray } from '../spaces/vectors.ts'
import type { LexicalText } from '../text-index.ts'
import type { EmbeddingState, KnowledgeFilter, PatchInput } from '../types.ts'

/** One item ready to be stored: hashed, cut into chunks, its identifiers found, its vectors computed where possible. */
export interface ItemRecord {
  content: string
  contentHash: string
  title: string | null
  knowledgeType: string
  category: string | null
  tags: string[]
  project: string | null
  scope: string
  sourceSession: string | null
  sourceTask: string | null
  sourceAgent: string | null
  sourceUrl: string | null
  sourceCommit: string | null
  documentId: number | null
  importance: number
  expiresAt: string | null
  metadata: Record<string, unknown>
  /** The text whose words are indexed: title, content and the parts of identifiers. */
  lexicalText: string
  /** Whole identifiers, lower case. */
  identifiers: string[]
  /** `lexical` is what the words of the passage are, where an item has several. */
  chunks: { start: number; end: number; heading: string | null; lexical: LexicalText | null }[]
  /** One binary `halfvec` a chunk, or null when they are to be computed later. */
  vectors: Buffer[] | null
}

export interface InsertedRow {
  position: number
  id: number
  embeddingState: EmbeddingState
}

/**
 * Stores items with their chunks and vectors in one statement. Items whose content is current already are left out of
 * the answer; the caller looks them up with {@link findCurrent}. A twin that has expired is closed first. Ids follow the
 * order of `records`, rows are inserted in the order of their hashes: two batches that overlap wait for each other in
 * one order, so never for ever.
 */
export function insertItems(db: Executor, records: ItemRecord[], space: SpaceRow | null): Promise<InsertedRow[]> {
  const items = records.map((record, position) => ({
    position,
    content: record.content,
    content_hash: record.contentHash,
    title: record.title,
    knowledge_type: record.knowledgeType,
    category: record.category,
    tags: record.tags,
    project: record.project,
    scope: record.scope,
    source_session: record.sourceSession,
    source_task: record.sourceTask,
    source_agent: record.sourceAgent,
    source_url: record.sourceUrl,
    source_commit: record.sourceCommit,
    document_id: record.documentId,
    importance: record.importance,
    expires_at: record.expiresAt,
    metadata: record.metadata,
    lexical_text: record.lexicalText,
    identifiers: record.identifiers,
    embedded: record.vectors !== null,
  }))
  const chunks = records.flatMap((record, position) =>
    record.chunks.map((chunk, ordinal) => ({
      position,
      ordinal,
      start_offset: chunk.start,
      end_offset: chunk.end,
      heading: chunk.heading,
      lexical_text: chunk.lexical?.text ?? null,
      identifiers: chunk.lexical?.identifiers ?? null,
    })),
  )
  const vectors = records.flatMap((record, position) =>
    (record.vectors ?? []).map((vector, ordinal) => ({ position, ordinal, vector })),
  )
  const binaries = vectors.map(({ vector }) => vector)
  const embeddings = space && toHalfvecArray(binaries, space.vectorType)
  return db.query<InsertedRow>(sql`
    with input as materialized (
      select nextval('agent_knowledge_id_seq') as id, i.*
      from json_to_recordset(${JSON.stringify(items)}::json) as i(
        position int, content text, content_hash text, title text, knowledge_type text, category text, tags text[],
        project text, scope text, source_session text, source_task text, source_agent text, source_url text,
        source_commit text, document_id bigint, importance real, expires_at timestamptz, metadata jsonb,
        lexical_text text, identifiers text[], embedded boolean)
      -- Before an id is drawn, the transaction has its own: see isOver in background/queries.ts.
      where pg_current_xact_id() is not null
    ),
    active as materialized (
      select id from embedding_spaces
      where id = ${space?.id ?? null}::int and status = 'active' and pg_try_advisory_xact_lock_shared(${SPACE_SWITCH_LOCK})
    ),
    expired as materialized (
      select k.id from agent_knowledge k, input i
      where k.content_hash = i.content_hash and coalesce(k.project, '') = coalesce(i.project, '')
        and k.scope = i.scope and coalesce(k.document_id, 0) = coalesce(i.document_id, 0)
        and k.valid_to is null and k.expires_at <= now()
      order by k.id for update of k
    ),
    closed as (
      update agent_knowledge k set valid_to = k.expires_at from expired where k.id = expired.id returning k.id
    ),
    inserted as (
      insert into agent_knowledge (id, content, content_hash, title, knowledge_type, category, tags, project, scope,
        source_session, source_task, source_agent, source_url, source_commit, document_id, importance, expires_at,
        metadata, embedding_state, lexemes)
      overriding system value
      select id, content, content_hash, title, knowledge_type, category, tags, project, scope,
        source_session, source_task, source_agent, source_url, source_commit, document_id, importance, expires_at,
        metadata, case when embedded and exists (select from active) then 'ready' else 'pending' end,
        to_tsvector('english', lexical_text) || array_to_tsvector(identifiers)
      from input where (select count(*) from closed) >= 0
      order by content_hash, project, scope, document_id
      on conflict (content_hash, coalesce(project, ''), scope, coalesce(document_id, 0)) where valid_to is null
      do nothing
      returning id, embedding_state
    ),
    stored as materialized (select i.position, id, n.embedding_state from inserted n join input i using (id)),
    cut as (
      insert into knowledge_chunks (item_id, ordinal, start_offset, end_offset, heading, lexemes)
      select s.id, c.ordinal, c.start_offset, c.end_offset, c.heading,
        to_tsvector('english', c.lexical_text) || array_to_tsvector(c.identifiers)
      from json_to_recordset(${JSON.stringify(chunks)}::json)
        as c(position int, ordinal int, start_offset int, end_offset int, heading text, lexical_text text,
          identifiers text[])
      join stored s using (position)
      order by s.id, c.ordinal
      returning id, item_id, ordinal
    ),
    placed as (
      insert into knowledge_vectors (chunk_id, space_id, item_id, embedding)
      select cut.id, active.id, cut.item_id, v.embedding
      from unnest(
        ${sql.param(vectors.map((v) => v.position))}::int[], ${sql.param(vectors.map((v) => v.ordinal))}::int[],
        ${embeddings}::halfvec[]) as v(position, ordinal, embedding)
      join stored s using (position)
      join cut on cut.item_id = s.id and cut.ordinal = v.ordinal
      cross join active
    )
    select position, id, embedding_state from stored order by position`)
}

export interface CurrentRow {
  position: number
  id: number
  chunks: number
  embeddingState: EmbeddingState
}

/** The current items that hold the same content as `records`, by position. */
export function findCurrent(db: Executor, records: { position: number; record: ItemRecord }[]): Promise<CurrentRow[]> {
  const wanted = records.map(({ position, record }) => ({
    position,
    content_hash: record.contentHash,
    project: record.project,
    scope: record.scope,
    document_id: record.documentId,
  }))
  return db.query<CurrentRow>(sql`
    select i.position, k.id, k.embedding_state,
      (select count(*) from knowledge_chunks c where c.item_id = k.id) as chunks
    from json_to_recordset(${JSON.stringify(wanted)}::json)
      as i(position int, content_hash text, project text, scope text, document_id bigint)
    join agent_knowledge k on k.content_hash = i.content_hash and coalesce(k.project, '') = coalesce(i.project, '')
      and k.scope = i.scope and coalesce(k.document_id, 0) = coalesce(i.document_id, 0)
      and k.valid_to is null
    order by i.position`)
}

/** Closes `oldId`, if it is not closed yet, in favour of `newId`; no row when it is gone or was superseded before. */
export function supersede(db: Executor, oldId: number, newId: number): Promise<{ id: number }[]> {
  return db.query(sql`
    update agent_knowledge set valid_to = coalesce(valid_to, now()), superseded_by = ${newId}, updated_at = now()
    where id = ${oldId} and superseded_by is null and id <> ${newId}
    returning id`)
}

/** An item as the database holds it. */
export interface ItemRow {
  id: number
  content: string
  contentHash: string
  title: string | null
  knowledgeType: string
  category: string | null
  tags: string[]
  project: string | null
  scope: string
  metadata: Record<string, unknown>
  sourceSession: string | null
  sourceTask: string | null
  sourceAgent: string | null
  sourceUrl: string | null
  sourceCommit: string | null
  path: string | null
  importance: number
  validFrom: string
  validTo: string | null
  supersededBy: number | null
  expiresAt: string | null
  accessCount: number
  lastAccessed: string | null
  createdAt: string
  updatedAt: string
  embeddingState: EmbeddingState
  chunks: number
}

const ITEM_COLUMNS = sql.raw(`k.id, k.content, k.content_hash, k.title, k.knowledge_type, k.category, k.tags, k.project,
    k.scope, k.metadata, k.source_session, k.source_task, k.source_agent, k.source_url, k.source_commit,
    (select path from documents d where d.id = k.document_id) as path, k.importance, k.valid_from, k.valid_to,
    k.superseded_by, k.expires_at, k.access_count, k.last_accessed, k.created_at, k.updated_at, k.embedding_state,
    (select count(*) from knowledge_chunks c where c.item_id = k.id) as chunks`)

export async function findItem(db: Executor, id: number): Promise<ItemRow | undefined> {
  const rows = await db.query<ItemRow>(sql`select ${ITEM_COLUMNS} from agent_knowledge k where k.id = ${id}`)
  return rows[0]
}

/**
 * Newest first, from below `beforeId`: up to `limit` items, fewer where their contents pass {@link ANSWER_BYTES_MAX},
 * and at least one. `found` counts the items there are, no further than `limit` + 1.
 */
export function listItems(
  db: Executor,
  filter: KnowledgeFilter & { includeHistory?: boolean },
  beforeId: number | null,
  limit: number,
): Promise<(ItemRow & { found: number })[]> {
  const { includeHistory, ...narrowing } = filter
  const scope = inScope(narrowing, includeHistory)
  const below = beforeId === null ? sql`` : sql`and k.id < ${beforeId}`
  return db.query<ItemRow & { found: number }>(sql`
    select ${ITEM_COLUMNS}, page.found
    from (
      select id, count(*) over () as found, row_number() over newest as place, sum(bytes) over newest as bytes
      from (
        select k.id, octet_length(k.content) as bytes
        from agent_knowledge k where ${scope} ${below} order by k.id desc limit ${limit + 1}
      ) sized
      window newest as (order by id desc)
    ) page join agent_knowledge k on k.id = page.id
    where page.place <= ${limit} and (page.place = 1 or page.bytes <= ${ANSWER_BYTES_MAX})
    order by k.id desc`)
}

/** Changes an item's fields, keeping what they were as a revision; no row when there is no such item. */
export async function updateItem(
  db: Executor,
  id: number,
  patch: PatchInput,
  lexical: { text: string; identifiers: string[] } | null,
): Promise<boolean> {
  const set: SQL[] = [sql`updated_at = now()`]
  const assign = (column: string, value: SQL) => set.push(sql`${sql.raw(column)} = ${value}`)
  if (patch.title !== undefined) assign('title', sql`${patch.title}`)
  if (patch.knowledgeType !== undefined) assign('knowledge_type', sql`${patch.knowledgeType}`)
  if (patch.category !== undefined) assign('category', sql`${patch.category}`)
  if (patch.tags !== undefined) assign('tags', sql`${sql.param(patch.tags)}::text[]`)
  if (patch.project !== undefined) assign('project', sql`${patch.project}`)
  if (patch.scope !== undefined) assign('scope', sql`${patch.scope}`)
  if (patch.metadata !== undefined) assign('metadata', sql`${JSON.stringify(patch.metadata)}::jsonb`)
  if (patch.importance !== undefined) assign('importance', sql`${patch.importance}::real`)
  if (patch.expiresAt !== undefined) {
    // Never before now, which would rewrite what was found until now; an item that only its expiry has closed reopens.
    const at = sql`greatest(${patch.expiresAt}::timestamptz, now())`
    assign('expires_at', patch.expiresAt === null ? sql`null` : at)
    assign(
      'valid_to',
      sql`case when superseded_by is null and valid_to = k.expires_at and (${patch.expiresAt}::timestamptz > now()) is not false
        then null else valid_to end`,
    )
  }
  if (lexical) {
    assign('embedding_state', sql`'pending'`)
    assign(
      'lexemes',
      sql`to_tsvector('english', ${lexical.text}) || array_to_tsvector(${sql.param(lexical.identifiers)}::text[])`,
    )
  }
  const rows = await db.query(sql`
    with before as (
      select id, jsonb_build_object('title', title, 'knowledge_type', knowledge_type, 'category', category,
        'tags', tags, 'project', project, 'scope', scope, 'metadata', metadata, 'importance', importance,
        'expires_at', expires_at) as fields
      from agent_knowledge where id = ${id} for update
    ),
    kept as (insert into knowledge_revisions (item_id, before) select id, fields from before),
    outdated as (delete from knowledge_vectors v using before where ${lexical !== null} and v.item_id = before.id)
    update agent_knowledge k set ${sql.join(set, sql`, `)} from before where k.id = before.id
    returning k.id`)
  return rows.length > 0
}

/** Removes an item for good, with its chunks, vectors and revisions. */
export async function deleteItem(db: Executor, id: number): Promise<boolean> {
  const rows = await db.query(sql`delete from agent_knowledge where id = ${id} returning id`)
  return rows.length > 0
}

/** The versions of an item, oldest first: those it replaced and those that replaced it. */
/** The newest `limit` of the items that replace each other, of which `id` is one; oldest first. */
export function versionsOf(db: Executor, id: number, limit: number): Promise<VersionRow[]> {
  return db.query<VersionRow>(sql`
    with recursive older as (
      select id from agent_knowledge where id = ${id}
      union select k.id from agent_knowledge k join older on k.superseded_by = older.id
    ), newer as (
      select id, superseded_by from agent_knowledge where id = ${id}
      union select k.id, k.superseded_by from agent_knowledge k join newer on k.id = newer.superseded_by
    )
    select * from (
      select k.id, k.created_at, k.valid_to, k.superseded_by, k.expires_at
      from agent_knowledge k
      where k.id in (select id from older union select id from newer)
      order by k.id desc limit ${limit}
    ) latest order by id`)
}

export interface VersionRow {
  id: number
  createdAt: string
  validTo: string | null
  supersededBy: number | null
  expiresAt: string | null
}

/** The latest `limit` changes of these items, oldest first. */
export function revisionsOf(
  db: Executor,
  ids: number[],
  limit: number,
): Promise<{ itemId: number; changedAt: string; before: Record<string, unknown> }[]> {
  return db.query(sql`
    select item_id, changed_at, before from (
      select id, item_id, changed_at, before from knowledge_revisions
      where item_id = any(${sql.param(ids)}::bigint[]) order by id desc limit ${limit}
    ) latest order by id`)
}

export interface CountsRow {
  items: number
  current: number
  chunks: number
  pendingItems: number
  documents: number
  databaseBytes: number
}

export async function countAll(db: Executor): Promise<CountsRow> {
  const rows = await db.query<CountsRow>(sql`
    select (select count(*) from agent_knowledge) as items,
      (select count(*) from agent_knowledge k where ${inScope({})}) as current,
      (select count(*) from knowledge_chunks) as chunks,
      (select count(*) from agent_knowledge where embedding_state = 'pending') as pending_items,
      (select count(*) from documents where expired_at is null) as documents,
      pg_database_size(current_database()) as database_bytes`)
  return rows[0] as CountsRow
}

/** Adds to the access counts what queries have collected in memory. */
export async function addAccesses(db: Executor, counts: Map<number, number>): Promise<void> {
  await db.query(sql`
    with counted as materialized (
      select k.id, a.times
      from agent_knowledge k
      join unnest(${sql.param([...counts.keys()])}::bigint[], ${sql.param([...counts.values()])}::int[]) as a(id, times)
        on k.id = a.id
      order by k.id for update of k
    )
    update agent_knowledge k set access_count = access_count + c.times, last_accessed = now()
    from counted c where k.id = c.id`)
}
