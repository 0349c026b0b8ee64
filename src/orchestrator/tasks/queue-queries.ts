import { type SQL, sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import type { TaskStatus } from '../states.ts'
import { laneHeads } from './lane-queries.ts'
import type { ClaimedTask, ClaimRequest, Heartbeat } from './queue-types.ts'

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
export function leased(condition: SQL, bound = sql``, ifLocked = sql``): SQL {
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
