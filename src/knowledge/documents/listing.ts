import type { Database } from '../../db/executor.ts'
import { readCursor, writeCursor } from '../cursor.ts'
import type { DocumentPage, ListDocumentsInput } from '../types.ts'
import { listDocumentRows } from './queries.ts'

/** Current documents, page by page; `cursor` is opaque and stays good while documents come and go. */
export async function listDocuments(db: Database, input: ListDocumentsInput): Promise<DocumentPage> {
  const { limit = 50, cursor, ...filter } = input
  const rows = await listDocumentRows(db, filter, cursor === undefined ? 0 : readCursor('d', cursor), limit + 1)
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return {
    documents: page.map(({ id: _id, ...document }) => document),
    nextCursor: rows.length > limit && last ? writeCursor('d', last.id) : null,
  }
}
