import { type SQL, sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import type { TaskStatus } from '../states.ts'
import { laneHeads } from './lane-queries.ts'
import { NO_AGENTS } from './queue-queries.ts'
import {
  type Attempt,
  type Dependency,
  NO_BUDGET,
  type TaskFilter,
  type TaskInput,
  type TaskReport,
  type TaskSummary,
} from './types.ts'

/** What a batch refers to, as far as it exists. */
export interface Known {
  /** Ids among those of new tasks and of parents. */
  tasks: string[]
  sessions: string[]
  /** Live tasks that have one of the dedupe keys. */
  duplicates: { dedupeKey: string; taskId: string; status: TaskStatus }[]
}

/** One probe for each id: a plan made for ten ids compares ten thousand with every task there is. */
const taskById = sql`
    cross join lateral (select task_id, status from agent_tasks where task_id = u.id limit 1) t`

export async function findKnown(
  db: Executor,
  { taskIds, sessionIds, dedupeKeys }: { taskIds: string[]; sessionIds: string[]; dedupeKeys: string[] },
): Promise<Known> {
  const rows = await db.query<Known>(sql`
    select array(
        select t.task_id from unnest(${sql.param(taskIds)}::text[]) as u(id) ${taskById}) as tasks,
      array(select session_id from agent_sessions where session_id = any(${sql.param(sessionIds)}::text[])) as sessions,
      (select coalesce(json_agg(json_build_object('dedupeKey', dedupe_key, 'taskId', task_id, 'status', status)), '[]')
       from agent_tasks
       where dedupe_key = any(${sql.param(dedupeKeys)}::text[]) and status in ('pending', 'blocked', 'running')
      ) as duplicates`)
  return rows[0] ?? { tasks: [], sessions: [], duplicates: [] }
}

/** A task ready to be stored: its id is given, and its edges are one list. */
export interface TaskRecord extends Omit<TaskInput, 'taskId' | 'dependsOnTasks' | 'dependencies'> {
  taskId: string
  dependsOnTasks: string[]
  /** By parent; only edges whose policy is not the usual one. */
  dependencyPolicies: Record<string, { after: string; on_failure: string }>
}

/** Stores tasks in the order given, in one statement; triggers make their edges and places in the queue. */
export function insertTasks(db: Executor, records: TaskRecord[]): Promise<{ taskId: string; status: TaskStatus }[]> {
  const rows = records.map((record, position) => ({
    position,
    task_id: record.taskId,
    session_id: record.sessionId,
    plan_id: record.planId,
    project: record.project,
    task_type: record.taskType,
    task_description: record.taskDescription,
    task_priority: record.taskPriority,
    assigned_to_role: record.assignedToRole,
    assigned_to_platform: record.assignedToPlatform,
    required_capabilities: record.requiredCapabilities,
    required_context: record.requiredContext,
    input_data: record.inputData,
    verify: record.verify,
    depends_on_tasks: record.dependsOnTasks,
    dependency_policies: record.dependencyPolicies,
    timeout_seconds: record.timeoutSeconds,
    queue_timeout_seconds: record.queueTimeoutSeconds,
    stall_timeout_seconds: record.stallTimeoutSeconds,
    total_timeout_seconds: record.totalTimeoutSeconds,
    max_retries: record.maxRetries,
    max_infra_retries: record.maxInfraRetries,
    run_after: record.runAfter,
    dedupe_key: record.dedupeKey,
    concurrency_key: record.concurrencyKey,
    concurrency_limit: record.concurrencyLimit,
    metadata: record.metadata,
  }))
  return db.query(sql`
    insert into agent_tasks (task_id, session_id, plan_id, project, task_type, task_description, task_priority,
      assigned_to_role, assigned_to_platform, required_capabilities, required_context, input_data, verify,
      depends_on_tasks, dependency_policies, timeout_seconds, queue_timeout_seconds, stall_timeout_seconds,
      total_timeout_seconds, max_retries, max_infra_retries, run_after, dedupe_key, concurrency_key, concurrency_limit,
      metadata)
    select task_id, session_id, plan_id, project, task_type, task_description, coalesce(task_priority, 5),
      assigned_to_role, assigned_to_platform, coalesce(required_capabilities, '{}'), coalesce(required_context, '{}'),
      coalesce(input_data, '{}'), verify, depends_on_tasks, dependency_policies, coalesce(timeout_seconds, 300),
      queue_timeout_seconds, stall_timeout_seconds, total_timeout_seconds, coalesce(max_retries, 3),
      coalesce(max_infra_retries, 10), run_after, dedupe_key, concurrency_key, coalesce(concurrency_limit, 1),
      coalesce(metadata, '{}')
    from json_to_recordset(${JSON.stringify(rows)}::json) as i(position int, task_id text, session_id text,
      plan_id text, project text, task_type text, task_description text, task_priority int, assigned_to_role text,
      assigned_to_platform text, required_capabilities text[], required_context jsonb, input_data jsonb, verify jsonb,
      depends_on_tasks text[], dependency_policies jsonb, timeout_seconds int, queue_timeout_seconds int,
      stall_timeout_seconds int, total_timeout_seconds int, max_retries int, max_infra_retries int,
      run_after timestamptz, dedupe_key text, concurrency_key text, concurrency_limit int, metadata jsonb)
    order by position
    returning task_id, status`)
}

/** The statuses of tasks that are there, by id. */
export function statusesOf(db: Executor, taskIds: string[]): Promise<{ taskId: string; status: TaskStatus }[]> {
  return db.query(sql`
    select t.task_id, t.status from unnest(${sql.param(taskIds)}::text[]) as u(id) ${taskById}`)
}

const SUMMARY_COLUMNS = sql.raw(`t.task_id, t.session_id, t.plan_id, t.project, t.task_type, t.task_description,
    t.task_priority, t.assigned_to_role, t.assigned_to_platform, t.status,
    t.metadata->>'blocked_reason' as blocked_reason, t.depends_on_tasks, t.dependencies_left, t.progress_percentage,
    t.current_step, t.error_message, t.assigned_worker_id, t.retry_count, t.infra_retry_count, t.attempt_count,
    t.review_status, t.cancel_requested_at, t.run_after, t.created_at, t.started_at, t.completed_at, t.updated_at`)

/** A page of tasks holds this much text at most, beyond its first task. */
const PAGE_CHARS_MAX = 4_000_000

/** Where a page begins: behind this task. `rank` is there for pages in the order of the queue. */
export interface PagePosition {
  seq: number
  rank?: string
}

export interface SummaryRow extends TaskSummary {
  taskSeq: number
  queueRank: string | null
  /** Whether there are tasks behind this one. */
  more: boolean
}

/** Newest first, or in the order of the queue with `ready`. */
export function listTasks(
  db: Executor,
  filter: TaskFilter,
  after: PagePosition | null,
  limit: number,
): Promise<SummaryRow[]> {
  const { ready = false } = filter
  const order = ready ? sql`t.queue_rank, t.task_seq` : sql`t.task_seq desc`
  const columns = sql`t.task_id, t.task_seq, t.queue_rank, length(t.task_description) as chars`
  const found = sql`${matches(filter)} ${behind(after)} order by ${order} limit ${limit + 1}`
  const lanes = sql`heads cross join lateral (
        select ${columns} from agent_tasks t where t.lane = heads.lane and ${found}) t
        order by ${order} limit ${limit + 1}`
  return db.query<SummaryRow>(sql`
    ${ready ? sql`with recursive ${laneHeads}` : sql``}
    select ${SUMMARY_COLUMNS}, t.task_seq, t.queue_rank, page.found > page.place as more
    from (
      select task_seq, task_id, row_number() over seen as place, count(*) over () as found, sum(chars) over seen as chars
      from (
        ${ready ? sql`select t.* from ${lanes}` : sql`select ${columns} from agent_tasks t where ${found}`}
      ) t
      window seen as (order by ${order})
    ) page join agent_tasks t using (task_id)
    where page.place <= ${limit} and (page.place = 1 or page.chars <= ${PAGE_CHARS_MAX})
    order by ${order}`)
}

function matches({ status, project, sessionId, planId, role, platform, taskType, ready }: TaskFilter): SQL {
  const conditions = [
    ready && sql`t.queue_rank is not null`,
    status && sql`t.status = any(${sql.param(status)}::text[])`,
    project !== undefined && sql`t.project = ${project}`,
    sessionId !== undefined && sql`t.session_id = ${sessionId}`,
    planId !== undefined && sql`t.plan_id = ${planId}`,
    role !== undefined && sql`t.assigned_to_role = ${role}`,
    platform !== undefined && sql`t.assigned_to_platform = ${platform}`,
    taskType !== undefined && sql`t.task_type = ${taskType}`,
  ].filter((condition) => typeof condition === 'object')
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `)
}

function behind(after: PagePosition | null): SQL {
  if (after === null) return sql``
  if (after.rank === undefined) return sql`and t.task_seq < ${after.seq}`
  return sql`and (t.queue_rank, t.task_seq) > (${after.rank}::timestamptz, ${after.seq}::bigint)`
}

export interface TaskRow extends TaskSummary {
  requiredCapabilities: string[]
  requiredContext: Record<string, unknown>
  inputData: Record<string, unknown>
  outputData: Record<string, unknown> | null
  verify: unknown
  timeoutSeconds: number
  queueTimeoutSeconds: number | null
  stallTimeoutSeconds: number | null
  totalTimeoutSeconds: number | null
  maxRetries: number
  maxInfraRetries: number
  dedupeKey: string | null
  concurrencyKey: string | null
  concurrencyLimit: number
  readyAt: string | null
  deadlineAt: string | null
  metadata: Record<string, unknown>
  costUsd: number
}

export async function findTask(db: Executor, taskId: string): Promise<TaskRow | undefined> {
  const rows = await db.query<TaskRow>(sql`
    select ${SUMMARY_COLUMNS}, t.required_capabilities, t.required_context, t.input_data, t.output_data, t.verify,
      t.timeout_seconds, t.queue_timeout_seconds, t.stall_timeout_seconds, t.total_timeout_seconds, t.max_retries,
      t.max_infra_retries, t.dedupe_key, t.concurrency_key, t.concurrency_limit, t.ready_at, t.deadline_at, t.metadata,
      (select coalesce(sum(cost_usd), 0) from task_attempts a where a.task_id = t.task_id) as cost_usd
    from agent_tasks t where t.task_id = ${taskId}`)
  return rows[0]
}

export function dependenciesOf(db: Executor, taskId: string, limit: number): Promise<Dependency[]> {
  return db.query<Dependency>(sql`
    select d.depends_on as task_id, d."after", d.on_failure, d.met, p.status
    from task_dependencies d left join agent_tasks p on p.task_id = d.depends_on
    where d.task_id = ${taskId} order by d.met, d.depends_on limit ${limit}`)
}

/** Runs of a task, newest first, from before number `below` where that is given. */
export function attemptsOf(db: Executor, taskId: string, below: number | null, limit: number): Promise<Attempt[]> {
  return db.query<Attempt>(sql`
    select attempt_id, attempt_number, worker_id, host, pid, started_at, ended_at, outcome, failure_class, exit_code,
      cli_session_id, error_message, usage, cost_usd
    from task_attempts where task_id = ${taskId} and (${below}::int is null or attempt_number < ${below}::int)
    order by attempt_number desc limit ${limit}`)
}

/** What may keep a pending task from being claimed. */
export interface QueueFacts {
  /** Null when it may be claimed now by its time. */
  scheduledFor: string | null
  /** Workers seen lately, and those of them that could run it. */
  workers: number
  ableWorkers: number
  /** Paused until then: set when every account of its platform is. */
  accountsPausedUntil: string | null
  pauseReason: string | null
  /** The budget that its last run did not fit into. */
  budgetShortage: string | null
  /** Running tasks that have its concurrency key. */
  holders: string[]
  /** Tasks of its lane that are before it, counted up to a bound. */
  ahead: number
}

/** How long after its last sign of life a worker counts as there. */
const WORKER_SECONDS = 60

export async function queueFacts(db: Executor, taskId: string, aheadMax: number): Promise<QueueFacts | undefined> {
  const rows = await db.query<QueueFacts>(sql`
    select case when t.run_after > now() then t.run_after end as scheduled_for, w.workers, w.able_workers,
      a.accounts_paused_until, a.pause_reason,
      (select case failure_class when ${NO_BUDGET} then error_message end from task_attempts r
        where r.task_id = t.task_id order by attempt_number desc limit 1) as budget_shortage,
      array(select l.task_id from task_leases l where l.concurrency_key = t.concurrency_key order by 1) as holders,
      (select count(*) from (
        select from agent_tasks o where o.queue_rank is not null and o.lane = t.lane
          and (o.queue_rank, o.task_seq) < (t.queue_rank, t.task_seq) limit ${aheadMax}) before) as ahead
    from agent_tasks t
    cross join lateral (
      select count(*) as workers, count(*) filter (
        where (t.assigned_to_platform = any(platforms)
            or t.assigned_to_platform is null and not platforms <@ ${sql.param(NO_AGENTS)}::text[])
          and (t.assigned_to_role is null or roles is null or t.assigned_to_role = any(roles))
          and t.required_capabilities <@ capabilities) as able_workers
      from workers
      where last_seen > now() - make_interval(secs => ${WORKER_SECONDS}) and status = 'active'
    ) w
    cross join lateral (
      select case when bool_and(coalesce(paused_until > now(), false)) then min(paused_until) end
          as accounts_paused_until, min(reason) as pause_reason
      from agent_accounts where platform = t.assigned_to_platform
    ) a
    where t.task_id = ${taskId}`)
  return rows[0]
}

/** Reports on a task that is still in the status `from`; no row when it has moved meanwhile. */
export async function updateReported(
  db: Executor,
  taskId: string,
  from: TaskStatus,
  { status, progressPercentage, currentStep, outputData, errorMessage }: TaskReport,
): Promise<boolean> {
  const set = [sql`updated_at = now()`]
  if (status !== undefined) set.push(sql`status = ${status}`)
  if (progressPercentage !== undefined) set.push(sql`progress_percentage = ${progressPercentage}`)
  if (currentStep !== undefined) set.push(sql`current_step = ${currentStep}`)
  if (outputData !== undefined) set.push(sql`output_data = ${JSON.stringify(outputData)}::jsonb`)
  if (errorMessage !== undefined) set.push(sql`error_message = ${errorMessage}`)
  const rows = await db.query(sql`
    update agent_tasks set ${sql.join(set, sql`, `)} where task_id = ${taskId} and status = ${from} returning task_id`)
  return rows.length > 0
}

/** Ends a task that does not run, and asks the worker of one that does to end it. No row when it has ended. */
export async function requestCancel(db: Executor, taskId: string): Promise<boolean> {
  const rows = await db.query(sql`
    update agent_tasks t set cancel_requested_at = coalesce(t.cancel_requested_at, now()),
      status = case when exists (select from task_leases l where l.task_id = t.task_id) then t.status else 'cancelled' end
    where t.task_id = ${taskId} and t.status in ('pending', 'blocked', 'running') returning t.task_id`)
  return rows.length > 0
}

/** Puts an ended task, or one that a person or a review holds, back into the queue with fresh counters. */
export async function requeue(db: Executor, taskId: string): Promise<boolean> {
  const rows = await db.query(sql`
    update agent_tasks set status = 'pending', retry_count = 0, infra_retry_count = 0, run_after = null,
      cancel_requested_at = null, metadata = metadata - 'cancelled_by'
    where task_id = ${taskId} and (status in ('completed', 'failed', 'cancelled')
      or status = 'blocked' and metadata->>'blocked_reason' not in ('dependencies', 'dependency_failed'))
    returning task_id`)
  return rows.length > 0
}
