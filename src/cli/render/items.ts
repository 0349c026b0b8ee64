import type { OutputOf } from '../../client/index.ts'
import type { View } from '../terminal.ts'
import { facts, table } from './table.ts'
import { firstLine, minute, printable, truncate } from './text.ts'

type Item = OutputOf<'getKnowledge'>
type History = OutputOf<'getKnowledgeHistory'>
type Source = Item['source']

/** Columns that an item's line leaves for its title. */
const LIST_FIXED_COLUMNS = 60
const TITLE_CHARS_MIN = 20
const NAME_CHARS_MAX = 16

/** A page of items, one a line. */
export function renderList({ items, nextCursor }: OutputOf<'listKnowledge'>, view: View): string {
  if (items.length === 0) return 'nothing stored that matches'
  const titleChars = Math.max(view.width - LIST_FIXED_COLUMNS, TITLE_CHARS_MIN)
  const rows = items.map((item) => [
    item.id,
    minute(item.createdAt),
    truncate(item.knowledgeType, NAME_CHARS_MAX),
    truncate(placeOf(item), NAME_CHARS_MAX),
    firstLine(item.title ?? item.content, titleChars) + stateOf(item),
  ])
  const lines = table(['id', 'created (UTC)', 'type', 'project', 'title'], rows, view)
  return nextCursor === null ? lines : `${lines}\n${view.style.dim(`more with --cursor ${nextCursor}`)}`
}

function stateOf({ validTo, expiresAt, embedding, supersededBy }: Item): string {
  if (supersededBy !== null) return ` [superseded by #${supersededBy}]`
  if (validTo !== null || (expiresAt !== null && Date.parse(expiresAt) <= Date.now())) return ' [expired]'
  return embedding === 'pending' ? ' [embedding pending]' : ''
}

/** Project and, where it is not the usual one, scope. */
export function placeOf({ project, scope }: { project: string | null; scope: string }): string {
  return scope === 'global' ? (project ?? '') : `${project ?? ''}/${scope}`
}

/** One item with everything that is known of it, then its text. */
export function renderItem(item: Item, view: View, history?: History['items']): string {
  const known: [string, string | number | null][] = [
    ['title', item.title],
    ['type', item.knowledgeType],
    ['category', item.category],
    ['tags', item.tags.join(', ')],
    ['project', item.project],
    ['scope', item.scope],
    ['source', sourceText(item.source)],
    ['importance', item.importance],
    ['created', item.createdAt],
    ['changed', item.updatedAt === item.createdAt ? null : item.updatedAt],
    ['expires', item.expiresAt],
    ['valid to', item.validTo],
    ['superseded by', item.supersededBy === null ? null : `#${item.supersededBy}`],
    ['found', item.accessCount === 0 ? null : `${item.accessCount} times, last ${item.lastAccessed ?? 'unknown'}`],
    ['chunks', `${item.chunks}, embedding ${item.embedding}`],
    ['metadata', Object.keys(item.metadata).length === 0 ? null : JSON.stringify(item.metadata)],
  ]
  const told = known.filter((entry): entry is [string, string | number] => entry[1] !== null && entry[1] !== '')
  const parts = [view.style.bold(`#${item.id}`), facts(told, view), '', printable(item.content)]
  if (history !== undefined) parts.push('', view.style.bold('history'), ...history.map(historyLine))
  return parts.join('\n')
}

function historyLine({ at, kind, id, before }: History['items'][number]): string {
  const changes = before === undefined ? '' : `  before: ${printable(JSON.stringify(before))}`
  return `${at}  #${id} ${kind}${changes}`
}

/** Where an item came from, in one line. */
export function sourceText(source: Source): string {
  return Object.entries(source)
    .map(([name, value]) => (name === 'path' || name === 'url' ? value : `${name} ${value}`))
    .join(', ')
}
