import { type SQL, sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import type { Artifact, ArtifactFilter, ArtifactSummary } from './types.ts'

const SUMMARY_COLUMNS = sql.raw(`a.artifact_id, a.session_id, a.task_id, a.artifact_type, a.name, a.format,
  a.content_hash, a.content_bytes, a.metadata, a.created_at`)

export type NewArtifact = Omit<Artifact, 'createdAt'>

/** The new row; none when its session or its task does not exist, or its id is taken. */
export async function insertArtifact(db: Executor, artifact: NewArtifact): Promise<ArtifactSummary[]> {
  const { sessionId, taskId } = artifact
  return db.query(sql`
    insert into artifacts as a (artifact_id, session_id, task_id, artifact_type, name, format, content, content_hash,
      content_bytes, metadata)
    select ${artifact.artifactId}, ${sessionId}, ${taskId}, ${artifact.artifactType}, ${artifact.name},
      ${artifact.format}, ${artifact.content}, ${artifact.contentHash}, ${artifact.contentBytes}::int,
      ${JSON.stringify(artifact.metadata)}::jsonb
    where (${sessionId}::text is null or exists (select from agent_sessions where session_id = ${sessionId}))
      and (${taskId}::text is null or exists (select from agent_tasks where task_id = ${taskId}))
    on conflict (artifact_id) do nothing
    returning ${SUMMARY_COLUMNS}`)
}

export async function selectArtifact(db: Executor, artifactId: string): Promise<Artifact[]> {
  return db.query(sql`select ${SUMMARY_COLUMNS}, a.content from artifacts a where a.artifact_id = ${artifactId}`)
}

export async function selectSession(db: Executor, sessionId: string): Promise<{ sessionId: string }[]> {
  return db.query(sql`select session_id from agent_sessions where session_id = ${sessionId}`)
}

/** Newest first, from below `before`. */
export async function listArtifacts(
  db: Executor,
  filter: ArtifactFilter,
  before: [createdAt: string, artifactId: string] | null,
  limit: number,
): Promise<ArtifactSummary[]> {
  return db.query(sql`
    select ${SUMMARY_COLUMNS} from artifacts a where ${matching(filter, before)}
    order by a.created_at desc, a.artifact_id desc limit ${limit}`)
}

function matching(filter: ArtifactFilter, before: [string, string] | null): SQL {
  const conditions = [sql`true`]
  if (filter.sessionId !== undefined) conditions.push(sql`a.session_id = ${filter.sessionId}`)
  if (filter.taskId !== undefined) conditions.push(sql`a.task_id = ${filter.taskId}`)
  if (before !== null) {
    const [createdAt, artifactId] = before
    conditions.push(sql`(a.created_at, a.artifact_id) < (${createdAt}::timestamptz, ${artifactId})`)
  }
  return sql.join(conditions, sql` and `)
}
