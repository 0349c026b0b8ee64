import { sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import type { ConversationChunk } from './types.ts'

/** Bytes of the contents in one answer; a page that would pass them ends early. */
const ANSWER_BYTES_MAX = 4_000_000

/** `extracted_items` is kept as it travels: with `action_items`. */
export type NewChunk = Omit<ConversationChunk, 'createdAt' | 'chunkId' | 'extractedItems'> & {
  /** Null: `007_142530`, by the number of pieces in the session and the time in UTC. */
  chunkId: string | null
  extractedItems: Record<string, string[]>
}

/** The new row; none when the session does not exist, or has a piece of this name. */
export async function insertChunk(
  db: Executor,
  sessionId: string,
  chunk: NewChunk,
): Promise<{ chunkId: string; createdAt: string }[]> {
  return db.query(sql`
    insert into conversation_chunks (session_id, chunk_id, content, format, start_time, end_time, participants,
      extracted_items, metadata)
    select s.session_id, coalesce(${chunk.chunkId}::text, (
        select to_char(count(*) + 1, 'FM9999999000') from conversation_chunks c where c.session_id = s.session_id
      ) || to_char(clock_timestamp() at time zone 'UTC', '_HH24MISS')),
      ${chunk.content}, ${chunk.format}, ${chunk.startTime}::timestamptz, ${chunk.endTime}::timestamptz,
      ${sql.param(chunk.participants)}::text[], ${JSON.stringify(chunk.extractedItems)}::jsonb,
      ${JSON.stringify(chunk.metadata)}::jsonb
    from agent_sessions s where s.session_id = ${sessionId}
    on conflict (session_id, chunk_id) do nothing
    returning chunk_id, created_at`)
}

/** The piece of this name, and whether it holds this content. */
export async function selectChunk(
  db: Executor,
  sessionId: string,
  chunkId: string,
  content: string,
): Promise<{ isSame: boolean; createdAt: string }[]> {
  return db.query(sql`
    select content = ${content} as is_same, created_at from conversation_chunks
    where session_id = ${sessionId} and chunk_id = ${chunkId}`)
}

export async function selectSession(db: Executor, sessionId: string): Promise<{ sessionId: string }[]> {
  return db.query(sql`select session_id from agent_sessions where session_id = ${sessionId}`)
}

export type ChunkRow = Omit<ConversationChunk, 'extractedItems'> & {
  id: number
  extractedItems: Record<string, string[]>
  found: number
}

/**
 * Oldest first, from above `afterId`: up to `limit` pieces, fewer where they pass {@link ANSWER_BYTES_MAX}, and at least
 * one. `found` counts the pieces there are, no further than `limit` + 1.
 */
export async function listChunks(db: Executor, sessionId: string, afterId: number, limit: number): Promise<ChunkRow[]> {
  return db.query(sql`
    select c.id, c.chunk_id, c.content, c.format, c.start_time, c.end_time, c.participants, c.extracted_items,
      c.metadata, c.created_at, page.found
    from (
      select id, count(*) over () as found, row_number() over oldest as place, sum(bytes) over oldest as total
      from (
        select id, octet_length(content) as bytes from conversation_chunks
        where session_id = ${sessionId} and id > ${afterId} order by id limit ${limit + 1}
      ) sized
      window oldest as (order by id)
    ) page join conversation_chunks c using (id)
    where page.place <= ${limit} and (page.place = 1 or page.total <= ${ANSWER_BYTES_MAX})
    order by c.id`)
}
