import { TurboError } from '../../base/errors.ts'
import type { Database } from '../../db/executor.ts'
import { readCursor, writeCursor } from '../cursor.ts'
import { hexDigits } from '../ids.ts'
import { insertChunk, listChunks, selectChunk, selectSession } from './queries.ts'
import type { AppendChunkInput, AppendResult, ConversationService } from './types.ts'

const PAGE_CHUNKS = 50
/** Two pieces that come at once take the same number; a later try sees the other. */
const NAME_ATTEMPTS_MAX = 5

export function createConversation({ db }: { db: Database }): ConversationService {
  return {
    append: (sessionId, input, request) => append(db, sessionId, input, request),
    list: (sessionId, page) => list(db, sessionId, page),
  }
}

async function append(
  db: Database,
  sessionId: string,
  input: AppendChunkInput,
  request: string | undefined,
): Promise<AppendResult> {
  const { ideas = [], decisions = [], questions = [], actionItems = [] } = input.extractedItems ?? {}
  // Of a request that may be repeated the name must be the same each time.
  const chunkId = input.chunkId ?? (request === undefined ? null : `r_${hexDigits(12, request)}`)
  const chunk = {
    chunkId,
    content: input.content,
    format: input.format,
    startTime: input.startTime ?? null,
    endTime: input.endTime ?? null,
    participants: input.participants ?? [],
    extractedItems: { ideas, decisions, questions, action_items: actionItems },
    metadata: input.metadata ?? {},
  }
  for (let attempt = 0; attempt < NAME_ATTEMPTS_MAX; attempt++) {
    const [made] = await insertChunk(db, sessionId, chunk)
    if (made !== undefined) return { status: 'created', sessionId, ...made }
    await requireSession(db, sessionId)
    if (chunkId !== null) return knownChunk(db, sessionId, chunkId, input.content)
  }
  throw new TurboError('conflict', 'other pieces of this conversation keep taking the next name', {
    next: 'Give each piece a chunk_id of its own.',
  })
}

async function knownChunk(db: Database, sessionId: string, chunkId: string, content: string): Promise<AppendResult> {
  const [known] = await selectChunk(db, sessionId, chunkId, content)
  if (known?.isSame === true) return { status: 'duplicate', sessionId, chunkId, createdAt: known.createdAt }
  throw new TurboError('conflict', `the conversation has a piece ${chunkId} with another content`, {
    next: 'Give the new piece another chunk_id.',
  })
}

async function requireSession(db: Database, sessionId: string): Promise<void> {
  const [session] = await selectSession(db, sessionId)
  if (session !== undefined) return
  throw new TurboError('not_found', `no session has the id ${sessionId}`, {
    next: 'List the sessions to see their ids.',
  })
}

async function list(
  db: Database,
  sessionId: string,
  { limit = PAGE_CHUNKS, cursor }: { limit?: number; cursor?: string },
) {
  const isId = (position: readonly unknown[]): position is [number] => Number.isSafeInteger(position[0])
  const [after] = cursor === undefined ? [0] : readCursor('conversation', cursor, isId)
  const rows = await listChunks(db, sessionId, after, limit)
  if (rows.length === 0) await requireSession(db, sessionId)
  const last = rows.at(-1)
  return {
    chunks: rows.map(({ id: _id, found: _found, extractedItems, ...chunk }) => {
      const { ideas = [], decisions = [], questions = [], action_items: actionItems = [] } = extractedItems
      return { ...chunk, extractedItems: { ideas, decisions, questions, actionItems } }
    }),
    nextCursor: last && last.found > rows.length ? writeCursor('conversation', [last.id]) : null,
  }
}
