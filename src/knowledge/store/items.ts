import { invalid, TurboError } from '../../base/errors.ts'
import type { Database } from '../../db/executor.ts'
import { toSource } from '../search/hits.ts'
import { lexicalOf } from '../text-index.ts'
import type { HistoryEntry, KnowledgeItem, ListInput, Page, PatchInput } from '../types.ts'
import { deleteItem, findItem, type ItemRow, listItems, revisionsOf, updateItem, versionsOf } from './queries.ts'

export async function get(db: Database, id: number): Promise<KnowledgeItem> {
  const row = await findItem(db, id)
  if (!row) throw notFound(id)
  return toItem(row)
}

/** Newest first; `cursor` is opaque and stays good while items come and go. */
export async function list(db: Database, input: ListInput): Promise<Page<KnowledgeItem>> {
  const { limit = 20, cursor, ...filter } = input
  const rows = await listItems(db, filter, cursor === undefined ? null : readCursor(cursor), limit + 1)
  const items = rows.slice(0, limit).map(toItem)
  const last = items.at(-1)
  return { items, nextCursor: rows.length > limit && last ? writeCursor(last.id) : null }
}

/** Changes fields other than the content, which only a successor (`supersedes`) can replace. */
export async function patch(db: Database, id: number, input: PatchInput): Promise<KnowledgeItem> {
  const before = await findItem(db, id)
  if (!before) throw notFound(id)
  const retitled = input.title !== undefined && input.title !== before.title
  const lexical = retitled ? lexicalOf(input.title ?? null, before.content) : null
  if (!(await updateItem(db, id, input, lexical))) throw notFound(id)
  return get(db, id)
}

export async function erase(db: Database, id: number): Promise<{ id: number; erased: true }> {
  if (!(await deleteItem(db, id))) throw notFound(id)
  return { id, erased: true }
}

/** Everything that happened to an item and to those it replaced or was replaced by, oldest first. */
export async function history(db: Database, id: number): Promise<{ items: HistoryEntry[] }> {
  const versions = await versionsOf(db, id)
  if (versions.length === 0) throw notFound(id)
  const entries: HistoryEntry[] = versions.map(({ createdAt, id }) => ({ at: createdAt, kind: 'created', id }))
  const ids = versions.map((version) => version.id)
  for (const { itemId, changedAt, before } of await revisionsOf(db, ids)) {
    entries.push({ at: changedAt, kind: 'changed', id: itemId, before })
  }
  for (const { validTo, supersededBy, id } of versions) {
    if (validTo !== null) entries.push({ at: validTo, kind: supersededBy === null ? 'expired' : 'superseded', id })
  }
  // What happened to one item at one moment stays in this order: the change that ends it comes before its end.
  return { items: entries.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id - b.id)) }
}

function toItem(row: ItemRow): KnowledgeItem {
  const { sourceSession: _s, sourceTask: _t, sourceAgent: _a, sourceUrl: _u, sourceCommit: _c, path: _p, ...rest } = row
  const { embeddingState, ...fields } = rest
  return { ...fields, source: toSource(row), embedding: embeddingState }
}

function notFound(id: number): TurboError {
  return new TurboError('not_found', `there is no item ${id}`, { next: 'List items to see which ids exist.' })
}

function writeCursor(id: number): string {
  return Buffer.from(`k${id}`, 'utf8').toString('base64url')
}

function readCursor(cursor: string): number {
  const match = /^k(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString('utf8'))
  if (!match) throw invalid('/cursor', 'not a cursor that a list answered with')
  return Number(match[1])
}
