import { TurboError } from '../../base/errors.ts'
import type { Database } from '../../db/executor.ts'
import { readCursor, writeCursor } from '../cursor.ts'
import { toSource } from '../search/hits.ts'
import { lexicalOf } from '../text-index.ts'
import type { HistoryEntry, KnowledgeItem, ListInput, Page, PatchInput } from '../types.ts'
import { deleteItem, findItem, type ItemRow, listItems, revisionsOf, updateItem, versionsOf } from './queries.ts'

export async function get(db: Database, id: number): Promise<KnowledgeItem> {
  const row = await findItem(db, id)
  if (!row) throw notFound(id)
  return toItem(row)
}

/** Newest first; `cursor` is opaque and stays good while items come and go. A page of long items ends early. */
export async function list(db: Database, input: ListInput): Promise<Page<KnowledgeItem>> {
  const { limit = 20, cursor, ...filter } = input
  const rows = await listItems(db, filter, cursor === undefined ? null : readCursor('k', cursor), limit)
  const items = rows.map(({ found: _found, ...row }) => toItem(row))
  const last = rows.at(-1)
  return { items, nextCursor: last && last.found > rows.length ? writeCursor('k', last.id) : null }
}

/** Changes fields other than the content, which only a successor (`supersedes`) can replace. */
export async function patch(db: Database, id: number, input: PatchInput): Promise<KnowledgeItem> {
  const before = await findItem(db, id)
  if (!before) throw notFound(id)
  // Whatever the title was: another change of it may come between this look and the update. Contents never change.
  const lexical = input.title === undefined ? null : lexicalOf(input.title, before.content)
  if (!(await updateItem(db, id, input, lexical))) throw notFound(id)
  return get(db, id)
}

export async function erase(db: Database, id: number): Promise<{ id: number; erased: true }> {
  if (!(await deleteItem(db, id))) throw notFound(id)
  return { id, erased: true }
}

/**
 * What happened to an item and to those it replaced or was replaced by, oldest first; of a longer history the latest
 * `limit` entries.
 */
export async function history(db: Database, id: number, limit = 200): Promise<{ items: HistoryEntry[] }> {
  const versions = await versionsOf(db, id, limit)
  if (versions.length === 0) throw notFound(id)
  const entries: HistoryEntry[] = versions.map(({ createdAt, id }) => ({ at: createdAt, kind: 'created', id }))
  const ids = versions.map((version) => version.id)
  for (const { itemId, changedAt, before } of await revisionsOf(db, ids, limit)) {
    entries.push({ at: changedAt, kind: 'changed', id: itemId, before })
  }
  for (const { validTo, supersededBy, id } of versions) {
    if (validTo !== null) entries.push({ at: validTo, kind: supersededBy === null ? 'expired' : 'superseded', id })
  }
  // What happened to one item at one moment stays in this order: the change that ends it comes before its end.
  const sorted = entries.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id - b.id))
  return { items: sorted.slice(-limit) }
}

function toItem(row: ItemRow): KnowledgeItem {
  const { sourceSession: _s, sourceTask: _t, sourceAgent: _a, sourceUrl: _u, sourceCommit: _c, path: _p, ...rest } = row
  const { embeddingState, ...fields } = rest
  return { ...fields, source: toSource(row), embedding: embeddingState }
}

function notFound(id: number): TurboError {
  return new TurboError('not_found', `there is no item ${id}`, { next: 'List items to see which ids exist.' })
}
