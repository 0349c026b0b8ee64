import type { OutputOf } from '../../client/index.ts'
import type { View } from '../terminal.ts'
import { facts, table } from './table.ts'
import { bytes, grouped, minute, plural } from './text.ts'

/** Sizes and counts of the store. */
export function renderStats(stats: OutputOf<'getStats'>, view: View): string {
  const { space, cache, queries } = stats
  const asked = cache.hits + cache.misses
  return facts(
    [
      ['items', `${grouped(stats.items)}, ${grouped(stats.current)} of them current`],
      ['chunks', grouped(stats.chunks)],
      ['documents', grouped(stats.documents)],
      ['waiting for vectors', plural(stats.pendingItems, 'item')],
      [
        'vectors',
        space === null
          ? 'none yet'
          : `${grouped(space.vectors)} of ${space.model} (${space.dimensions} dimensions), ${grouped(space.unindexed)} not indexed yet`,
      ],
      ['database', bytes(stats.databaseBytes)],
      [
        'cache',
        `${plural(cache.entries, 'answer')}, ${bytes(cache.bytes)}, ${grouped(cache.hits)} hits of ${grouped(asked)}`,
      ],
      ['exact re-runs', grouped(queries.exactReruns)],
    ],
    view,
  )
}

/** Embedding spaces, the one in use first. */
export function renderEmbeddings({ spaces, backlog, reembedding }: OutputOf<'getEmbeddings'>, view: View): string {
  const rows = [...spaces]
    .sort((a, b) => Number(b.active) - Number(a.active) || a.id - b.id)
    .map(({ id, model, dimensions, prefixScheme, active, vectors }) => {
      return [id, model, dimensions, prefixScheme, vectors, active ? 'in use' : '']
    })
  const lines = [
    rows.length === 0
      ? 'no embedding space yet: the first embedder that answers makes one'
      : table(['id', 'model', 'dimensions', 'prefixes', 'vectors', ''], rows, view),
    `${plural(backlog, 'item')} waiting to be embedded`,
  ]
  if (reembedding !== null) {
    const { model, phase, done, total, error } = reembedding
    lines.push(
      `change to ${model}: ${phase} ${grouped(done)} of ${grouped(total)}${error === null ? '' : ` (${error})`}`,
    )
  }
  return lines.join('\n')
}

/** A page of documents, one a line. */
export function renderDocuments({ documents, nextCursor }: OutputOf<'listDocuments'>, view: View): string {
  if (documents.length === 0) return 'no documents that match; `agent-turbo ingest <folder>` reads some'
  const rows = documents.map(({ itemId, updatedAt, source, project, path, chunks }) => {
    return [itemId ?? 'erased', minute(updatedAt), source, project ?? '', path, chunks]
  })
  const lines = table(['item', 'changed (UTC)', 'source', 'project', 'path', 'chunks'], rows, view)
  return nextCursor === null ? lines : `${lines}\n${view.style.dim(`more with --cursor ${nextCursor}`)}`
}

/** Collections of documents. */
export function renderSources({ sources }: OutputOf<'listDocumentationSources'>, view: View): string {
  if (sources.length === 0) return 'no documents yet; `agent-turbo ingest <folder>` reads some'
  const rows = sources.map(({ source, project, documents, chunks, lastUpdated }) => {
    return [source, project ?? '', documents, chunks, minute(lastUpdated)]
  })
  return table(['source', 'project', 'documents', 'chunks', 'last change (UTC)'], rows, view)
}

/** API keys, without themselves. */
export function renderKeys({ keys }: OutputOf<'listApiKeys'>, view: View): string {
  if (keys.length === 0) return 'no API keys yet; `agent-turbo keys create <name>` makes one'
  const rows = keys.map((key) => [
    key.id,
    key.name,
    `${key.prefix}…`,
    key.scopes.join(', '),
    minute(key.createdAt),
    minute(key.lastUsedAt),
    key.revokedAt === null ? minute(key.expiresAt) : `revoked ${minute(key.revokedAt)}`,
  ])
  return table(['id', 'name', 'key', 'scopes', 'created (UTC)', 'last used', 'expires'], rows, view)
}
