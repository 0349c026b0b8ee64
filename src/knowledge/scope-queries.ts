import { type SQL, sql } from 'drizzle-orm'
import type { KnowledgeFilter } from './types.ts'

/**
 * Bytes of content that one answer carries: a page ends early there, hits beyond it come as their passages. Room for the
 * longest item; far from what a string of JavaScript can hold.
 */
export const ANSWER_BYTES_MAX = 16_000_000

/** Items a filter lets through; `as_of` looks at the store as it stood. */
export function inScope(filter: KnowledgeFilter, includeHistory = false): SQL {
  const at = filter.asOf
  const parts: SQL[] = includeHistory
    ? [sql`true`]
    : at
      ? [
          sql`k.valid_from <= ${at}::timestamptz and (k.valid_to is null or k.valid_to > ${at}::timestamptz)`,
          sql`(k.expires_at is null or k.expires_at > ${at}::timestamptz)`,
        ]
      : [sql`k.valid_to is null and (k.expires_at is null or k.expires_at > now())`]
  if (filter.project !== undefined) parts.push(sql`k.project = ${filter.project}`)
  if (filter.scope !== undefined) parts.push(sql`k.scope = ${filter.scope}`)
  if (filter.knowledgeType !== undefined) parts.push(sql`k.knowledge_type = ${filter.knowledgeType}`)
  if (filter.category !== undefined) parts.push(sql`k.category = ${filter.category}`)
  if (filter.tags?.length) parts.push(sql`k.tags @> ${sql.param(filter.tags)}::text[]`)
  if (filter.since !== undefined) parts.push(sql`k.created_at >= ${filter.since}::timestamptz`)
  const { session, task, agent, url, commit } = filter.source ?? {}
  if (session !== undefined) parts.push(sql`k.source_session = ${session}`)
  if (task !== undefined) parts.push(sql`k.source_task = ${task}`)
  if (agent !== undefined) parts.push(sql`k.source_agent = ${agent}`)
  if (url !== undefined) parts.push(sql`k.source_url = ${url}`)
  if (commit !== undefined) parts.push(sql`k.source_commit = ${commit}`)
  return sql.join(parts, sql` and `)
}

/** True when the filter narrows further than "current items". */
export function isNarrowed(filter: KnowledgeFilter): boolean {
  const { asOf: _asOf, ...rest } = filter
  return Object.values(rest).some((value) => value !== undefined && !(Array.isArray(value) && value.length === 0))
}
