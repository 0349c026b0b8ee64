export const CHUNK_FORMATS = ['dialogue', 'summary', 'transcript'] as const

export type ChunkFormat = (typeof CHUNK_FORMATS)[number]

/** What was found in a piece of conversation. */
export interface ExtractedItems {
  ideas: string[]
  decisions: string[]
  questions: string[]
  actionItems: string[]
}

export interface AppendChunkInput {
  /** The caller's name for the piece; generated when absent. */
  chunkId?: string
  content: string
  format: ChunkFormat
  /** ISO 8601. */
  startTime?: string
  endTime?: string
  participants?: string[]
  extractedItems?: Partial<ExtractedItems>
  metadata?: Record<string, unknown>
}

/** Times are ISO 8601 UTC. */
export interface ConversationChunk {
  chunkId: string
  content: string
  format: ChunkFormat
  startTime: string | null
  endTime: string | null
  participants: string[]
  extractedItems: ExtractedItems
  metadata: Record<string, unknown>
  createdAt: string
}

export interface AppendResult {
  /** `duplicate`: the piece is there already, under this name and with this content. */
  status: 'created' | 'duplicate'
  sessionId: string
  chunkId: string
  createdAt: string
}

/**
 * What was said in sessions, in pieces.
 *
 * @throws TurboError `unavailable` or `timeout` from the database in every method, beside what is noted.
 */
export interface ConversationService {
  /** @throws TurboError `not_found` (no such session), `conflict` (the name stands for another content) */
  append(sessionId: string, input: AppendChunkInput, request?: string): Promise<AppendResult>
  /** Oldest first; a page of long pieces ends early. @throws TurboError `not_found` (no such session) */
  list(
    sessionId: string,
    page: { limit?: number; cursor?: string },
  ): Promise<{ chunks: ConversationChunk[]; nextCursor: string | null }>
}
