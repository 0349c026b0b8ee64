import { type SQL, sql } from 'drizzle-orm'
import type { Database, Executor } from '../../db/executor.ts'
import { leased } from './queue-queries.ts'
import type { BudgetShortage, EndedAttempt, FencedInput, FinishInput, ReserveInput } from './queue-types.ts'
import { trailEntry } from './trail.ts'
import { tokensIn } from './usage.ts'

/** Writes of a run under a lease: what it may cost, its end, and what is left of one that was fenced. */

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
    const entries = rows.flatMap((row) => trailOf(row, trails.get(row.attemptId) ?? null))
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

function trailOf(row: EndedRow, trail: Record<string, unknown> | null): Record<string, unknown>[] {
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
