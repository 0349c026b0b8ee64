import { type SQL, sql } from 'drizzle-orm'
import { toWire } from '../../base/wire.ts'
import type { Executor } from '../../db/executor.ts'
import type {
  HistoryAction,
  HistoryChunk,
  HistoryTask,
  PatchSessionInput,
  Session,
  SessionFilter,
  SessionStatus,
  SessionSummary,
} from './types.ts'

/** All SQL of sessions. The database's clock decides every time; triggers write the audit trail and keep `last_active`. */

const SUMMARY_COLUMNS = sql.raw(`s.session_id, s.agent_platform, s.agent_role, s.parent_session_id, s.project, s.title,
  s.goal, s.status, s.created_at, s.last_active, s.ended_at, s.tokens_used, s.cost_usd, s.metadata,
  s.landing_context_version`)

export interface NewSession {
  sessionId: string
  agentPlatform: string
  agentRole: string
  parentSessionId: string | null
  project: string | null
  title: string | null
  goal: string | null
  landingContext: Record<string, unknown>
  landingContextVersion: string
  metadata: Record<string, unknown>
}

/** The rows as made, in the order of `sessions`; none where the parent does not exist, or the id is taken. */
export async function insertSessions(
  db: Executor,
  sessions: readonly NewSession[],
): Promise<(Omit<Session, 'landingContext'> | undefined)[]> {
  const made = await db.query<Omit<Session, 'landingContext'>>(sql`
    insert into agent_sessions as s (session_id, agent_platform, agent_role, parent_session_id, project, title, goal,
      landing_context, landing_context_version, metadata)
    select session_id, agent_platform, agent_role, parent_session_id, project, title, goal,
      landing_context, landing_context_version, metadata
    from jsonb_to_recordset(${JSON.stringify(toWire(sessions))}::jsonb) as r(session_id text, agent_platform text, agent_role text,
      parent_session_id text, project text, title text, goal text, landing_context jsonb, landing_context_version text,
      metadata jsonb)
    where parent_session_id is null
      or exists (select from agent_sessions p where p.session_id = r.parent_session_id)
    on conflict (session_id) do nothing
    returning ${SUMMARY_COLUMNS}`)
  const unclaimed = new Map(made.map((row) => [row.sessionId, row]))
  return sessions.map(({ sessionId }) => {
    const row = unclaimed.get(sessionId)
    // Of two with one id, one statement makes the first.
    unclaimed.delete(sessionId)
    return row
  })
}

export async function selectSession(db: Executor, sessionId: string): Promise<Session[]> {
  return db.query(sql`
    select ${SUMMARY_COLUMNS}, s.landing_context from agent_sessions s where s.session_id = ${sessionId}`)
}

/** Whether a session was ever created with this platform, or this role. */
export async function isNameUsed(db: Executor, field: 'agent_platform' | 'agent_role', name: string): Promise<boolean> {
  const rows = await db.query(sql`select from agent_sessions where ${sql.raw(field)} = ${name} limit 1`)
  return rows.length > 0
}

export async function listSessions(
  db: Executor,
  filter: SessionFilter,
  before: [createdAt: string, sessionId: string] | null,
  limit: number,
): Promise<SessionSummary[]> {
  return db.query(sql`
    select ${SUMMARY_COLUMNS} from agent_sessions s where ${matching(filter, before)}
    order by s.created_at desc, s.session_id desc limit ${limit}`)
}

function matching(filter: SessionFilter, before: [string, string] | null): SQL {
  const conditions = [sql`true`]
  if (filter.status !== undefined) conditions.push(sql`s.status = ${filter.status}`)
  if (filter.agentPlatform !== undefined) conditions.push(sql`s.agent_platform = ${filter.agentPlatform}`)
  if (filter.agentRole !== undefined) conditions.push(sql`s.agent_role = ${filter.agentRole}`)
  if (filter.project !== undefined) conditions.push(sql`s.project = ${filter.project}`)
  if (filter.parentSessionId !== undefined) conditions.push(sql`s.parent_session_id = ${filter.parentSessionId}`)
  if (filter.since !== undefined) conditions.push(sql`s.created_at >= ${filter.since}::timestamptz`)
  if (before !== null) {
    const [createdAt, sessionId] = before
    conditions.push(sql`(s.created_at, s.session_id) < (${createdAt}::timestamptz, ${sessionId})`)
  }
  return sql.join(conditions, sql` and `)
}

/** Changes a session that is in one of `from`, and notes its activity; no row when it is in none, or does not exist. */
export async function updateSession(
  db: Executor,
  sessionId: string,
  patch: PatchSessionInput,
  from: readonly SessionStatus[] | null,
): Promise<SessionSummary[]> {
  const set = [sql`last_active = now()`]
  const assign = (column: string, value: SQL) => set.push(sql`${sql.raw(column)} = ${value}`)
  // What is done to an idle session is activity.
  assign(
    'status',
    patch.status === undefined ? sql`case status when 'idle' then 'active' else status end` : sql`${patch.status}`,
  )
  if (patch.title !== undefined) assign('title', sql`${patch.title}`)
  if (patch.goal !== undefined) assign('goal', sql`${patch.goal}`)
  if (patch.project !== undefined) assign('project', sql`${patch.project}`)
  if (patch.tokensUsed !== undefined) assign('tokens_used', sql`${patch.tokensUsed}`)
  if (patch.costUsd !== undefined) assign('cost_usd', sql`${patch.costUsd}`)
  if (patch.metadata !== undefined) assign('metadata', sql`${JSON.stringify(patch.metadata)}::jsonb`)
  const guard = from === null ? sql`true` : sql`s.status = any(${sql.param(from)}::text[])`
  return db.query(sql`
    update agent_sessions s set ${sql.join(set, sql`, `)} where s.session_id = ${sessionId} and ${guard}
    returning ${SUMMARY_COLUMNS}`)
}

/** Active sessions in which nothing has happened for so long become idle, the quietest `limit` of them. */
export async function markIdle(db: Executor, afterSeconds: number, limit: number): Promise<{ sessionId: string }[]> {
  return db.query(sql`
    update agent_sessions s set status = 'idle'
    from (
      select session_id from agent_sessions
      where status = 'active' and last_active < now() - make_interval(secs => ${afterSeconds})
      order by last_active limit ${limit} for no key update skip locked
    ) quiet
    where s.session_id = quiet.session_id
    returning s.session_id`)
}

export async function selectTasks(
  db: Executor,
  sessionId: string,
  beforeSeq: number | null,
  limit: number,
): Promise<(HistoryTask & { taskSeq: number })[]> {
  return db.query(sql`
    select task_seq, task_id, task_type, left(task_description, 500) as task_description, task_priority, status,
      review_status, error_message, created_at, completed_at
    from agent_tasks where session_id = ${sessionId} and (${beforeSeq}::bigint is null or task_seq < ${beforeSeq})
    order by task_seq desc limit ${limit}`)
}

export async function selectActions(
  db: Executor,
  sessionId: string,
  beforeSeq: number | null,
  limit: number,
): Promise<HistoryAction[]> {
  return db.query(sql`
    select action_id, seq, task_id, action_type, action_description, success, error_message, execution_time_ms,
      executed_at
    from agent_actions where chain_id = ${sessionId} and (${beforeSeq}::bigint is null or seq < ${beforeSeq})
    order by seq desc limit ${limit}`)
}

export async function selectChunks(
  db: Executor,
  sessionId: string,
  beforeId: number | null,
  limit: number,
): Promise<(HistoryChunk & { id: number })[]> {
  return db.query(sql`
    select id, chunk_id, format, left(content, 2000) as content, char_length(content) as content_chars, created_at
    from conversation_chunks where session_id = ${sessionId} and (${beforeId}::bigint is null or id < ${beforeId})
    order by id desc limit ${limit}`)
}
