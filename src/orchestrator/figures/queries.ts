import { sql } from 'drizzle-orm'
import { must } from '../../base/assert.ts'
import type { Executor } from '../../db/executor.ts'
import type { QueueFigures } from './types.ts'

/** Rows that a reading looks at, at most. */
const READY_MAX = 50_000
const ENDED_MAX = 5_000
const HOT_TABLES = [
  ...['agent_tasks', 'task_dependencies', 'task_attempts', 'task_leases', 'task_log'],
  ...['workers', 'agent_sessions', 'audit_chains'],
]

/** All figures in one statement. */
export async function selectFigures(db: Executor): Promise<QueueFigures> {
  const rows = await db.query<QueueFigures>(sql`
    with ready as (
      select count(*) as tasks, coalesce(extract(epoch from now() - min(ready_at)), 0)::float8 as oldest
      from (select ready_at from agent_tasks where queue_rank is not null limit ${READY_MAX}) r
    ),
    paused as (
      select platform, extract(epoch from max(paused_until) - now())::float8 as seconds
      from agent_accounts where paused_until > now() group by platform
    ),
    ended as materialized (
      select task_id from agent_tasks where completed_at > now() - interval '1 hour'
      order by completed_at desc limit ${ENDED_MAX}
    ),
    attempts as (
      select a.outcome, count(*)::int as count, coalesce(sum(a.cost_usd), 0)::float8 as "costUsd"
      from ended e join task_attempts a using (task_id) where a.outcome is not null group by a.outcome
    ),
    dead as (
      select relname as table, n_dead_tup::float8 as count from pg_stat_user_tables
      where schemaname = 'public' and relname = any(${sql.param(HOT_TABLES)}::text[])
    )
    select r.tasks as ready_tasks, r.oldest as oldest_ready_seconds,
      (select count(*) from task_leases) as busy_slots,
      (select coalesce(sum(concurrency), 0) from workers
        where status = 'active' and last_seen > now() - interval '1 minute') as slots,
      (select coalesce(jsonb_agg(to_jsonb(p)), '[]') from paused p) as pauses,
      (select coalesce(jsonb_agg(to_jsonb(a)), '[]') from attempts a) as recent_attempts,
      (select coalesce(jsonb_agg(to_jsonb(d)), '[]') from dead d) as dead_tuples
    from ready r`)
  return must(rows[0], 'an aggregate is always one row')
}
