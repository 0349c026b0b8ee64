import { sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import type { DocumentationSource, DocumentEntry } from '../types.ts'

export interface DocumentIdentity {
  project: string | null
  source: string
  path: string
}

export interface DocumentRow {
  id: number
  path: string
  contentHash: string
  chunks: number
  /** Null where somebody erased or ended it. */
  item: { id: number; title: string | null; tags: string[]; scope: string } | null
}

/** Documents of a source that are current, by path, with their current items. */
export async function findDocuments(
  db: Executor,
  project: string | null,
  source: string,
  paths: string[],
): Promise<DocumentRow[]> {
  const rows = await db.query<FoundRow>(sql`
    select d.id, d.path, d.content_hash, d.chunks, k.id as item_id, k.title, k.tags, k.scope
    from documents d left join agent_knowledge k on k.document_id = d.id and k.valid_to is null
    where coalesce(d.project, '') = coalesce(${project}::text, '') and d.source = ${source}
      and d.path = any(${sql.param(paths)}::text[]) and d.expired_at is null`)
  return rows.map(({ itemId, title, tags, scope, ...row }) => {
    return { ...row, item: itemId === null ? null : { id: itemId, title, tags, scope } }
  })
}

type FoundRow = Omit<DocumentRow, 'item'> & {
  itemId: number | null
  title: string | null
  tags: string[]
  scope: string
}

/** Writes a document's row and returns its id; it counts as current again. */
export async function upsertDocument(
  tx: Executor,
  { project, source, path }: DocumentIdentity,
  document: { title: string; mediaType: string; contentHash: string; chunks: number },
): Promise<number> {
  const rows = await tx.query<{ id: number }>(sql`
    insert into documents (project, source, path, title, media_type, content_hash, chunks)
    values (${project}, ${source}, ${path}, ${document.title}, ${document.mediaType}, ${document.contentHash},
      ${document.chunks})
    on conflict (coalesce(project, ''), source, path) do update set title = excluded.title,
      media_type = excluded.media_type, content_hash = excluded.content_hash, chunks = excluded.chunks,
      updated_at = now(), expired_at = null
    returning id`)
  return (rows[0] as { id: number }).id
}

/** Closes a document's earlier items in favour of `itemId`; the number closed. */
export async function supersedeEarlier(tx: Executor, documentId: number, itemId: number): Promise<number> {
  const rows = await tx.query(sql`
    update agent_knowledge set valid_to = now(), superseded_by = ${itemId}, updated_at = now()
    where document_id = ${documentId} and valid_to is null and id <> ${itemId}
    returning id`)
  return rows.length
}

/** Expires the documents of a source whose path is not in `keep`, and their items. */
export async function expireMissing(
  db: Executor,
  project: string | null,
  source: string,
  keep: string[],
): Promise<number> {
  const rows = await db.query(sql`
    with gone as (
      update documents set expired_at = now()
      where coalesce(project, '') = coalesce(${project}::text, '') and source = ${source} and expired_at is null
        and path <> all(${sql.param(keep)}::text[])
      returning id
    ), closed as (
      update agent_knowledge k set valid_to = now(), updated_at = now()
      from gone where k.document_id = gone.id and k.valid_to is null
    )
    select id from gone`)
  return rows.length
}

/** Current documents in the order in which they were first read, from behind document `afterId`. */
export function listDocumentRows(
  db: Executor,
  { project, source }: { project?: string; source?: string },
  afterId: number,
  limit: number,
): Promise<(DocumentEntry & { id: number })[]> {
  const ofProject = project === undefined ? sql`` : sql`and d.project = ${project}`
  const ofSource = source === undefined ? sql`` : sql`and d.source = ${source}`
  return db.query(sql`
    select d.id, d.project, d.source, d.path, d.title, d.media_type, d.chunks, d.updated_at,
      (select max(k.id) from agent_knowledge k where k.document_id = d.id and k.valid_to is null) as item_id
    from documents d
    where d.id > ${afterId} and d.expired_at is null ${ofProject} ${ofSource}
    order by d.id limit ${limit}`)
}

/** Collections of documents with their size and when they last changed. */
export function listDocumentSources(db: Executor, project: string | undefined): Promise<DocumentationSource[]> {
  const only = project === undefined ? sql`` : sql`and project = ${project}`
  return db.query<DocumentationSource>(sql`
    select project, source, count(*) as documents, sum(chunks)::bigint as chunks, max(updated_at) as last_updated
    from documents where expired_at is null ${only}
    group by project, source order by project nulls first, source limit 1000`)
}
