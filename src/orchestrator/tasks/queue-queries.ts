import { type SQL, sql } from 'drizzle-orm'
import type { Database, Executor } from '../../db/executor.ts'
import type { TaskStatus } from '../states.ts'
import { laneHeads } from './lane-queries.ts'
import type {
  BudgetShortage,
  ClaimedTask,
  ClaimRequest,
  EndedAttempt,
  FencedInput,
  FinishInput,
  Heartbeat,
  ReserveInput,
} from './queue-types.ts'
import { trailEntry } from './trail.ts'
import { tokensIn } from './usage.ts'

/** Leases reaped, and due tasks let in, by one claim: what a worker does for all of them in passing. */
const TENDED_MAX = 50
/** They run what a task says, which is nothing where it names no platform: such a task is for an agent. */
export const NO_AGENTS = ['command', 'shell']
/** Lanes beside those a claim needs: some are locked by other claims or have lost their head meanwhile. */
const SPARE_LANES = 16

/** Runs whose lease has run out, to be queued again or, when their retries are used up, to fail. */
function expiredLeases(limit: number): SQL {
  return leased(sql`lease_until < now()`, sql`order by lease_until limit ${limit}`, sql`skip locked`)
}

/**
 * The tasks and attempts of leases, both locked. The ids come first, as an array: a join would be planned from either
 * side, and statistics from when the queue was empty make it begin with every task there is.
 */
function leased(condition: SQL, bound = sql``, ifLocked = sql``): SQL {
  return sql`
    select t.task_id, l.attempt_id from agent_tasks t join task_leases l on l.task_id = t.task_id
    where t.task_id = any(array(select task_id from task_leases where ${condition} ${bound})) and l.${condition}
    order by t.task_id for update of t, l ${ifLocked}`
}

const endLostRuns = sql`
    update agent_tasks t set infra_retry_count = t.infra_retry_count + 1,
      status = case when t.infra_retry_count >= t.max_infra_retries then 'failed' else 'pending' end,
      run_after = now() + task_backoff(t.infra_retry_count + 1),
      error_message = 'its worker was lost: the lease was not renewed'
    where t.task_id = any(array(select task_id from expired))`

const closeLostAttempts = sql`
    update task_attempts set ended_at = now(), outcome = 'lease_expired'
    where attempt_id = any(array(select attempt_id from expired)) and ended_at is null`

/** Scheduled tasks whose time has come: a trigger gives them their places. */
function admitDue(limit: number): SQL {
  return sql`
    update agent_tasks set updated_at = now()
    where task_id = any(array(
      select task_id from agent_tasks where status = 'pending' and queue_rank is null and run_after <= now()
      order by run_after limit ${limit} for update skip locked))`
}

/**
 * Hands the worker up to `limit` of the best waiting tasks that it can run, in one statement.
 *
 * `heads` steps through the lanes, one index probe each, however many tasks wait. The best tasks are in the lanes with
 * the best heads, so only those are opened; a lane with a concurrency key gives no more than its free slots, which are
 * counted under a lock of the key. What another claim holds is skipped. Expired leases are reaped and due tasks let into
 * the queue in passing; both are there for the next claim.
 */
export function claim(db: Executor, request: ClaimRequest): Promise<ClaimedTask[]> {
  const { workerId, platforms, roles, capabilities, accounts, limit, leaseSeconds, host, pid } = request
  return db.query<ClaimedTask>(sql`
    with recursive
    expired as materialized (${expiredLeases(TENDED_MAX)}),
    lost as (${endLostRuns}),
    closed as (${closeLostAttempts}),
    admitted as (${admitDue(TENDED_MAX)}),
    usable as materialized (
      select array(
        select p from unnest(${sql.param(platforms)}::text[]) p where not exists (
          select from agent_accounts a
          where a.account_key = ${JSON.stringify(accounts ?? {})}::jsonb->>p and a.paused_until > now())) as platforms
    ),
    ${laneHeads},
    lanes as materialized (
      select h.lane, needs->>3 as concurrency_key, (needs->>4)::int as concurrency_limit
      from heads h cross join lateral (select h.lane::jsonb as needs) n cross join usable u
      where (needs->>0 = any(u.platforms) or needs->>0 is null and not u.platforms <@ ${sql.param(NO_AGENTS)}::text[])
        and (needs->>1 is null or ${sql.param(roles)}::text[] is null or needs->>1 = any(${sql.param(roles)}::text[]))
        and needs->2 <@ to_jsonb(${sql.param(capabilities)}::text[])
        and (needs->>3 is null
          or (select count(*) from task_leases l where l.concurrency_key = needs->>3) < (needs->>4)::int)
      order by h.queue_rank limit ${limit + SPARE_LANES}
    ),
    opened as materialized (
      select lane, concurrency_key, case when concurrency_key is null then ${limit}::int
        else least(task_free_slots(concurrency_key, concurrency_limit), ${limit}::int) end as slots
      from lanes
    ),
    candidates as materialized (
      select c.task_id, c.queue_rank, c.task_seq, o.slots,
        row_number() over (partition by coalesce(o.concurrency_key, o.lane) order by c.queue_rank, c.task_seq) as place
      from opened o cross join lateral (
        select t.task_id, t.queue_rank, t.task_seq from agent_tasks t
        where t.queue_rank is not null and t.lane = o.lane
        order by t.queue_rank, t.task_seq limit o.slots for update skip locked) c
    ),
    claimed as (
      update agent_tasks t set status = 'running', assigned_worker_id = ${workerId},
        attempt_count = t.attempt_count + 1, error_message = null
      where t.task_id = any(array(
        select task_id from candidates where place <= slots order by queue_rank, task_seq limit ${limit}))
      returning t.*
    ),
    attempted as (
      insert into task_attempts (task_id, attempt_number, worker_id, host, pid)
      select task_id, attempt_count, ${workerId}, ${host ?? null}, ${pid ?? null}::int from claimed
      returning task_id, attempt_id
    ),
    leased as (
      insert into task_leases (task_id, attempt_id, worker_id, session_id, concurrency_key, lease_until, run_until)
      select c.task_id, a.attempt_id, ${workerId}, c.session_id, c.concurrency_key,
        now() + make_interval(secs => ${leaseSeconds}),
        least(now() + make_interval(secs => coalesce(nullif(c.timeout_seconds, 0), 1e9)),
          coalesce(c.requeued_at, c.created_at) + make_interval(secs => c.total_timeout_seconds))
      from claimed c join attempted a using (task_id)
      returning task_id, attempt_id, lease_until, run_until
    )
    select l.attempt_id, l.lease_until, l.run_until, c.attempt_count as attempt_number, c.task_id, c.session_id,
      c.plan_id, c.project, c.task_type, c.task_description, c.task_priority, c.assigned_to_role,
      c.assigned_to_platform, c.required_context, c.input_data, c.verify, c.timeout_seconds, c.stall_timeout_seconds,
      c.depends_on_tasks, c.metadata, u.platforms as usable_platforms,
      coalesce(extract(epoch from now() - c.ready_at), 0)::float8 as waited_seconds
    from claimed c join leased l using (task_id) join candidates k using (task_id) cross join usable u order by k.queue_rank, k.task_seq`)
}

/**
 * Renews the leases of a worker and says what became of its attempts. A lease that is locked is about to be taken or
 * given back; it is neither renewed nor called lost.
 */
export function renew(
  db: Executor,
  { workerId, attemptIds, leaseSeconds }: { workerId: string; attemptIds: string[]; leaseSeconds: number },
): Promise<Heartbeat[]> {
  return db.query<Heartbeat>(sql`
    with seen as (update workers set last_seen = now() where worker_id = ${workerId}),
    held as materialized (
      select task_id, attempt_id from task_leases
      where worker_id = ${workerId} and attempt_id = any(${sql.param(attemptIds)}::uuid[])
    ),
    renewed as (
      update task_leases l set lease_until = now() + make_interval(secs => ${leaseSeconds})
      where l.task_id = any(array(
        select task_id from task_leases
        where worker_id = ${workerId} and attempt_id = any(${sql.param(attemptIds)}::uuid[])
        order by task_id for no key update skip locked))
      returning task_id
    )
    select a.attempt_id, h.task_id is null as lost, r.task_id is not null as renewed,
      t.cancel_requested_at is not null as cancel_requested
    from unnest(${sql.param(attemptIds)}::uuid[]) a(attempt_id)
    left join held h using (attempt_id) left join renewed r on r.task_id = h.task_id
    left join agent_tasks t on t.task_id = h.task_id`)
}

/** The tasks of attempts that still have their leases; a statement that finds none has been fenced. */
function heldBy(attemptIds: readonly string[]): SQL {
  return leased(sql`attempt_id = any(${sql.param(attemptIds)}::uuid[])`)
}

/**
 * Adds what runs used to their sessions: with the rows that record it, and as those, once. Sessions are locked in their
 * order, and none where nothing was used.
 *
 * @param used rows of `task_id`, `tokens` and `cost_usd`
 */
function chargeSessions(used: SQL): SQL {
  return sql`
    uses as materialized (
      select t.session_id, sum(u.tokens) as tokens, sum(coalesce(u.cost_usd, 0)) as cost_usd
      from (${used}) u cross join lateral (select session_id from agent_tasks where task_id = u.task_id limit 1) t
      where t.session_id is not null and (u.tokens > 0 or u.cost_usd > 0) group by t.session_id
    ),
    payers as materialized (
      select session_id from agent_sessions where session_id = any(array(select session_id from uses))
      order by session_id for no key update
    ),
    charged as (
      update agent_sessions s set tokens_used = s.tokens_used + u.tokens, cost_usd = s.cost_usd + u.cost_usd
      from uses u where s.session_id = u.session_id and s.session_id = any(array(select session_id from payers))
      returning s.session_id
    )`
}

/**
 * Ends runs, decides what becomes of their tasks and tells who follows their logs, in their order; nothing for an attempt
 * that has lost its lease. What they did is written to the trail in the same transaction, behind it: the first statement
 * locks dependents and then chains, as everybody does.
 */
export async function endAttempts(db: Database, inputs: readonly FinishInput[]): Promise<(EndedAttempt | undefined)[]> {
  const trails = new Map(inputs.map(({ attemptId, trail, outcome }) => [attemptId, trailEntry(trail, outcome)]))
  const work = async (tx: Executor) => {
    const rows = await endRows(tx, inputs)
    const entries = rows.flatMap((row) => entryOf(row, trails.get(row.attemptId) ?? null))
    if (entries.length > 0) {
      const list = JSON.stringify(entries)
      await tx.query(sql`select count(*) from audit_append(array(select jsonb_array_elements(${list}::jsonb)))`)
    }
    return rows
  }
  const rows = await ([...trails.values()].some((entry) => entry !== null) ? db.transaction(work) : work(db))
  const ended = new Map(
    rows.map(({ attemptId, taskId, status, runAfter }) => [attemptId, { taskId, status, runAfter }]),
  )
  return inputs.map(({ attemptId }) => {
    const end = ended.get(attemptId)
    // Told twice at a time, a run ends once.
    ended.delete(attemptId)
    return end
  })
}

interface EndedRow extends EndedAttempt {
  attemptId: string
  sessionId: string | null
  attemptNumber: number
  workerId: string | null
}

function entryOf(row: EndedRow, trail: Record<string, unknown> | null): Record<string, unknown>[] {
  if (trail === null) return []
  const output = { ...(trail.output_data as object), attempt: row.attemptNumber, worker: row.workerId }
  return [{ ...trail, session_id: row.sessionId, task_id: row.taskId, output_data: output }]
}

function endRows(db: Executor, inputs: readonly FinishInput[]): Promise<EndedRow[]> {
  return db.query<EndedRow>(sql`
    with ends as materialized (
      select distinct on (attempt_id) *, (failed and not infrastructure)::int as retries, (failed and infrastructure)::int as infra_retries
      from jsonb_to_recordset(${JSON.stringify(inputs.map(endOf))}::jsonb) as e(attempt_id uuid, outcome text,
        failed boolean, retry boolean, at_once boolean, infrastructure boolean, hold text, failure_class text,
        exit_code int, cli_session_id text, error_message text, output_data jsonb, usage jsonb, cost_usd numeric,
        wait_seconds float8, tokens bigint)
    ),
    held as materialized (${heldBy(inputs.map(({ attemptId }) => attemptId))}),
    recorded as (
      update task_attempts a set ended_at = now(), outcome = e.outcome, failure_class = e.failure_class,
        exit_code = e.exit_code, cli_session_id = e.cli_session_id, error_message = e.error_message, usage = e.usage,
        cost_usd = e.cost_usd
      from ends e where a.attempt_id = e.attempt_id and a.attempt_id = any(array(select attempt_id from held))
      returning a.attempt_id, a.attempt_number, a.worker_id
    ),
    ${chargeSessions(sql`select h.task_id, e.tokens, e.cost_usd from held h join ends e using (attempt_id)`)},
    decided as materialized (
      select h.task_id, e.*, e.failed and e.retry and case when e.infrastructure
        then t.infra_retry_count < t.max_infra_retries else t.retry_count < t.max_retries end as again,
        case when e.infrastructure then t.infra_retry_count else t.retry_count end as failures
      from held h join ends e using (attempt_id)
      cross join lateral (select * from agent_tasks where task_id = h.task_id limit 1) t
    ),
    ended as (
      update agent_tasks t set
        status = case when d.again or d.outcome = 'released' then 'pending' when d.hold is not null then 'blocked'
          when d.failed then 'failed' else d.outcome end,
        run_after = case when d.again and not d.at_once then now() + task_backoff(d.failures + 1)
          when d.outcome = 'released' then now() + make_interval(secs => d.wait_seconds) end,
        metadata = case when d.hold is null then t.metadata
          else t.metadata || jsonb_build_object('blocked_reason', d.hold) end,
        retry_count = t.retry_count + case when d.hold is null then d.retries else 0 end,
        infra_retry_count = t.infra_retry_count + case when d.hold is null then d.infra_retries else 0 end,
        output_data = coalesce(d.output_data, t.output_data),
        error_message = d.error_message
      from decided d where t.task_id = d.task_id and t.task_id = any(array(select task_id from held))
      returning d.attempt_id, t.task_id, t.session_id, t.status, t.run_after
    )
    select e.*, r.attempt_number, r.worker_id
    from ended e join recorded r using (attempt_id) cross join lateral pg_notify('task_log', e.task_id)`)
}

/** One end as the statement reads it. */
function endOf(input: FinishInput): Record<string, unknown> {
  const { hold, infrastructure = false, atOnce = false, outcome } = input
  return {
    attempt_id: input.attemptId,
    outcome,
    failed: outcome === 'failed' || outcome === 'timed_out',
    retry: input.retry ?? hold === undefined,
    at_once: atOnce,
    infrastructure,
    hold,
    failure_class: input.failureClass,
    exit_code: input.exitCode,
    cli_session_id: input.cliSessionId,
    error_message: input.errorMessage,
    output_data: input.outputData,
    usage: input.usage,
    cost_usd: input.costUsd,
    wait_seconds: input.waitSeconds,
    tokens: tokensIn(input.usage),
  }
}

/** Sets money aside for a run; the budget that has not enough where there is one. */
export async function reserveBudget(db: Executor, input: ReserveInput): Promise<BudgetShortage | undefined> {
  const { attemptId, amountUsd, taskUsd = null, sessionUsd = null, dayUsd = null } = input
  const rows = await db.query<BudgetShortage>(sql`
    select budget, limit_usd::float8, taken_usd::float8, wait_seconds from attempt_reserve(${attemptId}::uuid,
      ${amountUsd}::numeric, ${taskUsd}::numeric, ${sessionUsd}::numeric, ${dayUsd}::numeric)`)
  return rows[0]
}

/** Gives a task back unrun, at no cost to its retries; no row when the attempt has lost its lease. */
export async function giveBack(
  db: Executor,
  attemptId: string,
  runAfter: string | null,
): Promise<EndedAttempt | undefined> {
  const rows = await db.query<EndedAttempt>(sql`
    with held as materialized (${heldBy([attemptId])})
    update agent_tasks t set status = 'pending', run_after = ${runAfter}::timestamptz
    where t.task_id = any(array(select task_id from held))
    returning t.task_id, t.status, t.run_after`)
  return rows[0]
}

/**
 * Writes down what a run cost whose task was taken from it, with an entry in the audit trail; once, however often it is
 * told. False where there is nothing to write down: the run's own report has been taken.
 */
export async function recordFenced(db: Executor, input: FencedInput): Promise<boolean> {
  const rows = await db.query(sql`
    with fenced as (
      update task_attempts set outcome = 'fenced', exit_code = ${input.exitCode ?? null}::int,
        cli_session_id = ${input.cliSessionId ?? null}, usage = ${JSON.stringify(input.usage ?? {})}::jsonb,
        cost_usd = ${input.costUsd ?? null}::numeric
      where attempt_id = ${input.attemptId}::uuid and ended_at is not null and usage is null
      returning task_id, attempt_id, attempt_number, worker_id
    ),
    ${chargeSessions(sql`select task_id, ${tokensIn(input.usage)}::bigint as tokens, ${input.costUsd ?? 0}::numeric as cost_usd from fenced`)},
    entries as materialized (
      select array_agg(jsonb_build_object('session_id', t.session_id, 'task_id', f.task_id,
        'action_type', 'attempt_fenced', 'success', false,
        'action_description', 'a run that had lost its task reported, and was refused',
        'output_data', jsonb_build_object('attempt', f.attempt_number, 'worker', f.worker_id,
          'end', ${input.endClass}::text))) as list
      from fenced f join agent_tasks t using (task_id)
      -- First the session and then its chain, as everywhere else.
      where (select count(*) from charged) >= 0
    )
    select action_id from entries cross join lateral audit_append(list) where list is not null`)
  return rows.length > 0
}

/** The sweep of a process in which nobody claims: expired leases; how many it reaped. */
export async function reapLeases(db: Executor, limit: number): Promise<number> {
  const rows = await db.query(sql`
    with expired as materialized (${expiredLeases(limit)}), lost as (${endLostRuns}), closed as (${closeLostAttempts})
    select task_id from expired`)
  return rows.length
}

/** Lets tasks into the queue whose time has come; how many. */
export async function admitScheduled(db: Executor, limit: number): Promise<number> {
  const rows = await db.query(sql`${admitDue(limit)} returning task_id`)
  return rows.length
}

/** Ends what has outlived one of its time limits; how many. Waiting fails, a run is tried again while it may be. */
export async function endOverdue(db: Executor, limit: number): Promise<number> {
  const rows = await db.query(sql`
    with overdue as materialized (
      select t.task_id, t.status,
        coalesce(t.requeued_at, t.created_at) + make_interval(secs => t.total_timeout_seconds) <= now() as in_all
      from agent_tasks t where t.deadline_at <= now() order by t.deadline_at limit ${limit} for update skip locked
    ),
    closed as (
      update task_attempts a set ended_at = now(), outcome = 'timed_out', failure_class = 'timeout'
      from overdue o where o.status = 'running' and a.task_id = o.task_id and a.ended_at is null
    )
    update agent_tasks t set
      status = case when o.status = 'running' and o.in_all is not true and t.retry_count < t.max_retries
        then 'pending' else 'failed' end,
      run_after = case when o.status = 'running' then now() + task_backoff(t.retry_count + 1) else t.run_after end,
      retry_count = t.retry_count + (o.status = 'running')::int,
      error_message = case
        when o.in_all then format('not done within its total time of %s s', t.total_timeout_seconds)
        when o.status = 'pending' then format('waited longer than %s s in the queue', t.queue_timeout_seconds)
        else format('ran longer than %s s', t.timeout_seconds) end
    from overdue o where t.task_id = o.task_id
    returning t.task_id`)
  return rows.length
}

/**
 * Looks at up to `limit` tasks of one status behind `afterSeq` and mends those whose edges say something else than they
 * do; where it got to, null at the end, and how many it mended.
 */
export async function repairWindow(
  db: Executor,
  status: Extract<TaskStatus, 'pending' | 'blocked'>,
  afterSeq: number,
  limit: number,
): Promise<{ lastSeq: number | null; mended: number }> {
  const rows = await db.query<{ lastSeq: number | null; mended: number }>(sql`
    with looked as materialized (
      select task_id, task_seq, dependencies_left, metadata->>'blocked_reason' as reason, depends_on_tasks
      from agent_tasks where status = ${status} and task_seq > ${afterSeq} order by task_seq limit ${limit}
    ),
    wrong as materialized (
      select l.task_id from looked l cross join lateral (
        select count(*) as edges, count(*) filter (where not d.met) as open, count(*) filter (
          where d.met <> (task_edge_state(d."after", p.status, p.metadata @> '{"skipped": true}') = 'met')) as stale
        from task_dependencies d
        left join lateral (select status, metadata from agent_tasks where task_id = d.depends_on limit 1) p on true
        where d.task_id = l.task_id
      ) e
      where e.edges <> cardinality(l.depends_on_tasks) or e.open <> l.dependencies_left or e.stale > 0
        or e.open = 0 and l.reason in ('dependencies', 'dependency_failed')
    )
    select case when (select count(*) from looked) = ${limit} then (select max(task_seq) from looked) end as last_seq,
      (select count(*) from wrong) as mended, task_repair(array(select task_id from wrong)) as moved`)
  return rows[0] ?? { lastSeq: null, mended: 0 }
}
