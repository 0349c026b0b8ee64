import type { ErrorCode } from '../../base/errors.ts'
import type { Chunk, ChunkLimits } from '../text/chunk.ts'
import type { DocumentInput } from '../types.ts'

/** What a reader thread is asked, one at a time. */
export type ReaderRequest =
  | { kind: 'read'; document: DocumentInput; limits: ChunkLimits }
  | { kind: 'chunk'; text: string; limits: ChunkLimits }

/** A document read, hashed and cut. */
export interface ReadDocument {
  title: string
  text: string
  mediaType: string
  /** Of `text`, see `contentHash`. */
  contentHash: string
  chunks: Chunk[]
}

/** A chunk without its text, which the receiver has already. */
export type ChunkSpan = Omit<Chunk, 'text'>

export type ReaderAnswer =
  | { kind: 'read'; document: Omit<ReadDocument, 'chunks'>; spans: ChunkSpan[] }
  | { kind: 'chunk'; spans: ChunkSpan[] }
  | { kind: 'failed'; code: ErrorCode; message: string; next: string | undefined; stack: string | undefined }
