import { type SQL, sql } from 'drizzle-orm'
import { fromWire, type ToWire, toWire } from '../../base/wire.ts'
import type { Executor } from '../../db/executor.ts'
import { unseenAfterSeconds, unseenStatus } from '../nodes/queries.ts'
import { COUNT_MAX, type DatabaseStats } from './types.ts'

/** Characters of a stored text that are fetched: what is shown is shorter still. */
const TEXT_CHARS = 600
const NODES_MAX = 20
const SERVICES_MAX = 30
const SOURCES_MAX = 20
/** Documents of a source are counted no further. */
const SOURCE_DOCUMENTS_MAX = 200
const FAILURES_MAX = 5
/** Failures looked at for those of one project. */
const FAILURES_SEEN_MAX = 500
const LEARNED_MAX = 2
const LIMITS_MAX = 20
const RUNNING_MAX = 8
const READY_MAX = 10
const BLOCKED_MAX = 8
const PARENTS_MAX = 3
const RECENT_MAX = 10
const SESSIONS_MAX = 10

const ofProject = (column: SQL, project: string | undefined): SQL =>
  project === undefined ? sql`` : sql`and ${column} = ${project}`

/** Number of rows that `rows` has, counted up to {@link COUNT_MAX}. */
const bounded = (rows: SQL): SQL => sql`(select count(*) from (select 1 ${rows} limit ${COUNT_MAX}) counted)`

export interface NodeRow {
  name: string
  role: string | null
  status: string
  facts: Record<string, unknown>
  validSeconds: number | null
}

export function listNodes(db: Executor): Promise<NodeRow[]> {
  return db.query<NodeRow>(sql`
    select n.node_name as name, n.node_role as role, ${unseenStatus(sql`n.status`, sql`n.last_seen`)} as status,
      n.facts, ${unseenAfterSeconds(sql`n.last_seen`)} as valid_seconds
    from system_nodes n order by n.node_name limit ${NODES_MAX}`)
}

export interface ServiceRow {
  name: string
  type: string | null
  node: string | null
  url: string | null
  port: number | null
  version: string | null
  status: string
  detail: string | null
  validSeconds: number | null
}

/** Services that run, or of which it is not known that they do not. */
export function listActiveServices(db: Executor): Promise<ServiceRow[]> {
  return db.query<ServiceRow>(sql`
    select s.service_name as name, s.service_type as type, s.node_name as node, s.url, s.port, s.version, s.detail,
      ${unseenStatus(sql`s.status`, sql`s.last_seen`)} as status, ${unseenAfterSeconds(sql`s.last_seen`)} as valid_seconds
    from services s where s.status <> 'stopped' order by s.service_name limit ${SERVICES_MAX}`)
}

export interface SourceRow {
  source: string
  project: string | null
  documents: number
}

/**
 * Collections with current documents, found by jumping from one to the next in the index, because counting them all
 * would read every document. `documents` is counted up to 200, which then means at least.
 */
export function listSources(db: Executor, project: string | undefined): Promise<SourceRow[]> {
  const only = project === undefined ? sql`` : sql`and coalesce(d.project, '') = ${project}`
  return db.query<SourceRow>(sql`
    with recursive collections as (
      (
        select coalesce(d.project, '') as project, d.source from documents d where true ${only}
        order by coalesce(d.project, ''), d.source limit 1
      )
      union all
      select following.project, following.source
      from collections c, lateral (
        select coalesce(d.project, '') as project, d.source from documents d
        where (coalesce(d.project, ''), d.source) > (c.project, c.source) ${only}
        order by coalesce(d.project, ''), d.source limit 1
      ) following
    )
    select c.source, nullif(c.project, '') as project, found.documents
    from collections c, lateral (
      select count(*) as documents from (
        select 1 from documents d
        where coalesce(d.project, '') = c.project and d.source = c.source and d.expired_at is null
        limit ${SOURCE_DOCUMENTS_MAX}
      ) current
    ) found
    where found.documents > 0 limit ${SOURCES_MAX}`)
}

export const isMoreDocuments = (documents: number): boolean => documents >= SOURCE_DOCUMENTS_MAX

export interface FailureRow {
  taskId: string
  taskType: string
  completedAt: string | null
  description: string
  error: string | null
  /** `[{id, text}]`, the most important first. */
  learned: { id: number; text: string }[]
}

/** The latest failed tasks, each with what was stored of it. */
export function listFailures(db: Executor, project: string | undefined): Promise<FailureRow[]> {
  return db.query<FailureRow>(sql`
    with failed as (
      select f.* from (
        select t.task_id, t.task_type, t.completed_at, t.task_description, t.error_message, t.project
        from agent_tasks t where t.status = 'failed'
        order by t.completed_at desc limit ${project === undefined ? FAILURES_MAX : FAILURES_SEEN_MAX}
      ) f
      where true ${ofProject(sql`f.project`, project)}
      order by f.completed_at desc, f.task_id limit ${FAILURES_MAX}
    )
    select f.task_id, f.task_type, f.completed_at, left(f.task_description, ${TEXT_CHARS}) as description,
      left(f.error_message, ${TEXT_CHARS}) as error, learned.items as learned
    from failed f, lateral (
      select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'text', left(k.content, ${TEXT_CHARS}))
        order by k.importance desc, k.id desc), '[]') as items
      from (
        select id, content, importance from agent_knowledge
        where source_task = f.task_id and valid_to is null and (expires_at is null or expires_at > now())
        order by importance desc, id desc limit ${LEARNED_MAX}
      ) k
    ) learned
    order by f.completed_at desc, f.task_id`)
}

export interface LimitRow {
  account: string
  platform: string
  pausedUntil: string
  reason: string | null
  validSeconds: number
}

export function listPausedAccounts(db: Executor): Promise<LimitRow[]> {
  return db.query<LimitRow>(sql`
    select account_key as account, platform, paused_until, left(reason, ${TEXT_CHARS}) as reason,
      case when isfinite(paused_until) then extract(epoch from paused_until - now())::float8 else 1e9 end as valid_seconds
    from agent_accounts where paused_until > now() order by account_key limit ${LIMITS_MAX}`)
}

/** A task as json gives it: snake_case. */
export interface TaskJson {
  task_id: string
  task_type: string
  task_priority: number
  assigned_to_role: string | null
  assigned_to_platform: string | null
  assigned_worker_id: string | null
  description: string
  reason: string | null
  waits_for: string[] | null
}

export interface WorkRow {
  running: TaskJson[]
  ready: TaskJson[]
  blocked: TaskJson[]
  runningCount: number
  readyCount: number
  blockedCount: number
}

/** Work that is not done: what runs, what may be claimed in the order of the queue, what is blocked and by what. */
export async function readOpenWork(db: Executor, project: string | undefined): Promise<WorkRow> {
  const of = ofProject(sql`t.project`, project)
  const rank = project === undefined ? sql`t.task_seq` : sql`t.queue_rank, t.task_seq`
  const running = sql`from agent_tasks t where t.status = 'running' ${of}`
  const ready = sql`from agent_tasks t where t.status = 'pending' and t.queue_rank is not null ${of}`
  const blocked = sql`from agent_tasks t where t.status = 'blocked' ${of}`
  const [row] = await db.query<WorkRow>(sql`
    select ${tasksOf(running, rank, RUNNING_MAX, sql`null`)} as running,
      ${tasksOf(ready, sql`t.queue_rank, t.task_seq`, READY_MAX, sql`null`)} as ready,
      ${tasksOf(blocked, rank, BLOCKED_MAX, unmetParents)} as blocked,
      ${bounded(running)} as running_count, ${bounded(ready)} as ready_count, ${bounded(blocked)} as blocked_count`)
  return row as WorkRow
}

const unmetParents = sql`(
  select jsonb_agg(p.depends_on order by p.depends_on) from (
    select d.depends_on from task_dependencies d where d.task_id = t.task_id and not d.met
    order by d.depends_on limit ${PARENTS_MAX}
  ) p
)`

function tasksOf(rows: SQL, order: SQL, limit: number, waitsFor: SQL): SQL {
  return sql`(
    select coalesce(jsonb_agg(to_jsonb(listed) - 'place' order by listed.place), '[]') from (
      select row_number() over (order by ${order}) as place, t.task_id, t.task_type, t.task_priority,
        t.assigned_to_role, t.assigned_to_platform, t.assigned_worker_id,
        left(t.task_description, ${TEXT_CHARS}) as description,
        left(t.metadata->>'blocked_reason', ${TEXT_CHARS}) as reason, ${waitsFor} as waits_for
      ${rows} order by ${order} limit ${limit}
    ) listed
  )`
}

export interface RecentTaskRow {
  taskId: string
  taskType: string
  status: string
  description: string
}

export function listRecentTasks(db: Executor, project: string | undefined): Promise<RecentTaskRow[]> {
  return db.query<RecentTaskRow>(sql`
    select t.task_id, t.task_type, t.status, left(t.task_description, ${TEXT_CHARS}) as description
    from agent_tasks t where true ${ofProject(sql`t.project`, project)}
    order by t.created_at desc, t.task_id limit ${RECENT_MAX}`)
}

export interface SessionRow {
  sessionId: string
  agentPlatform: string
  agentRole: string
  status: string
  project: string | null
  goal: string | null
  total: number
}

/** The newest sessions that have not ended, each row with how many there are. */
export function listLiveSessions(db: Executor, project: string | undefined): Promise<SessionRow[]> {
  const of = ofProject(sql`s.project`, project)
  const live = sql`from agent_sessions s where s.status in ('active', 'idle', 'paused') ${of}`
  return db.query<SessionRow>(sql`
    select s.session_id, s.agent_platform, s.agent_role, s.status, s.project,
      left(coalesce(s.goal, s.title), ${TEXT_CHARS}) as goal, ${bounded(live)} as total
    ${live} order by s.created_at desc, s.session_id desc limit ${SESSIONS_MAX}`)
}

type Figures = Omit<DatabaseStats, 'measuredAt'>

/** Key of the measured figures among the snapshots. */
const STATS_KEY = 'database_stats'

export async function readStats(db: Executor): Promise<DatabaseStats | null> {
  const [row] = await db.query<{ payload: ToWire<Figures>; generatedAt: string }>(sql`
    select payload, generated_at from agent_context_cache where context_key = ${STATS_KEY}`)
  if (row === undefined) return null
  const { totalSizeMb, knowledgeItems, documents, sessions, tasks, actions } = fromWire(row.payload)
  return { totalSizeMb, knowledgeItems, documents, sessions, tasks, actions, measuredAt: row.generatedAt }
}

/**
 * True for one process at a time, and only when the figures are due; it then has `seconds` to measure them before
 * another one tries.
 */
export async function claimMeasuring(db: Executor, seconds: number): Promise<boolean> {
  const rows = await db.query(sql`
    update agent_context_cache set expires_at = now() + make_interval(secs => ${seconds})
    where context_key = ${STATS_KEY} and expires_at < now()
    returning context_key`)
  return rows.length > 0
}

/** Counts everything, which takes long on a large store: nobody who waits for an answer calls it. */
export async function measureStats(db: Executor): Promise<Figures> {
  const [row] = await db.query<Figures>(sql`
    select round(pg_database_size(current_database()) / 1e6, 1) as total_size_mb,
      (select count(*) from agent_knowledge where valid_to is null) as knowledge_items,
      (select count(*) from documents where expired_at is null) as documents,
      (select count(*) from agent_sessions) as sessions,
      (select count(*) from agent_tasks) as tasks,
      (select count(*) from agent_actions) as actions`)
  return row as Figures
}

/** Keeps the figures for `seconds`; their time moves, and every process is told, only when they are others. */
export async function storeStats(db: Executor, figures: Figures, seconds: number): Promise<void> {
  const payload = JSON.stringify(toWire(figures))
  await db.query(sql`
    with stored as (
      insert into agent_context_cache as c (context_key, payload, expires_at)
      values (${STATS_KEY}, ${payload}::jsonb, now() + make_interval(secs => ${seconds}))
      on conflict (context_key) do update set payload = excluded.payload, expires_at = excluded.expires_at,
        context_version = c.context_version + (c.payload <> excluded.payload)::int,
        generated_at = case when c.payload = excluded.payload then c.generated_at else now() end
      returning generated_at
    )
    select pg_notify('landing_changed', 'cache') from stored where generated_at = now()`)
}
