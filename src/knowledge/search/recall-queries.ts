import { sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import { inScope } from '../scope-queries.ts'

export interface NotableRow {
  id: number
  knowledgeType: string
  project: string | null
  title: string | null
  text: string
}

/**
 * The most important current items of a project and of none, with the first `chars` characters of their contents; of
 * equally important ones the newest. Pages of documents, of which there are thousands, are found by asking.
 */
export function listNotable(
  db: Executor,
  project: string | undefined,
  limit: number,
  chars: number,
): Promise<NotableRow[]> {
  const of = (name: string) => sql`(
    select k.id, k.importance from agent_knowledge k
    where coalesce(k.project, '') = ${name} and k.document_id is null and ${inScope({})}
    order by k.importance desc, k.id desc limit ${limit}
  )`
  const ids = project === undefined ? of('') : sql`${of(project)} union all ${of('')}`
  return db.query<NotableRow>(sql`
    select k.id, k.knowledge_type, k.project, k.title, left(k.content, ${chars}) as text
    from (${ids}) notable join agent_knowledge k using (id)
    order by k.importance desc, (k.project is not null) desc, k.id desc limit ${limit}`)
}
