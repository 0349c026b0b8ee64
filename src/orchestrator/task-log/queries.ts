import { sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import type { TaskStatus } from '../states.ts'
import type { LogEntry, LogLine } from './types.ts'

/** Behind which entry a reader stands. */
export interface LogPosition {
  attemptNumber: number
  seq: number
}

/** Writes for an attempt that has its lease, and tells who follows; false where it has not. */
export async function insertLines(db: Executor, attemptId: string, lines: readonly LogLine[]): Promise<boolean> {
  const rows = await db.query(sql`
    with held as materialized (
      select l.task_id, a.attempt_id, a.attempt_number from task_leases l join task_attempts a using (attempt_id)
      where l.attempt_id = ${attemptId}::uuid
    ),
    inserted as (
      insert into task_log (task_id, attempt_number, seq, attempt_id, kind, body)
      select h.task_id, h.attempt_number, x.seq, h.attempt_id, x.kind, x.body
      from held h cross join jsonb_to_recordset(${JSON.stringify(lines)}::jsonb) as x(seq int, kind text, body text)
      on conflict do nothing
    )
    select task_id from held cross join lateral pg_notify('task_log', task_id)`)
  return rows.length > 0
}

export function selectLines(db: Executor, taskId: string, after: LogPosition, limit: number): Promise<LogEntry[]> {
  return db.query<LogEntry>(sql`
    select attempt_number, seq, kind, body, logged_at from task_log
    where task_id = ${taskId} and (attempt_number, seq) > (${after.attemptNumber}::int, ${after.seq}::int)
    order by attempt_number, seq limit ${limit}`)
}

/**
 * The next entries and the status of the task as they were at one moment, so that an ended task with no entries left has
 * none to come; undefined where there is no such task.
 */
export async function selectProgress(
  db: Executor,
  taskId: string,
  after: LogPosition,
  limit: number,
): Promise<{ status: TaskStatus; entries: LogEntry[] } | undefined> {
  const rows = await db.query<{ status: TaskStatus } & (LogEntry | { seq: null })>(sql`
    select t.status, l.attempt_number, l.seq, l.kind, l.body, l.logged_at
    from agent_tasks t left join lateral (
      select attempt_number, seq, kind, body, logged_at from task_log
      where task_id = t.task_id and (attempt_number, seq) > (${after.attemptNumber}::int, ${after.seq}::int)
      order by attempt_number, seq limit ${limit}) l on true
    where t.task_id = ${taskId} order by l.attempt_number, l.seq`)
  const [first] = rows
  if (first === undefined) return undefined
  const entries = rows.flatMap(({ status: _, ...entry }) => (entry.seq === null ? [] : [entry]))
  return { status: first.status, entries }
}
