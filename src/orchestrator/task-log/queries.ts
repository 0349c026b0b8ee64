import { sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import type { LogEntry, LogLine } from './types.ts'

/** Writes for an attempt that has its lease; false where it has not. */
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
    select task_id from held`)
  return rows.length > 0
}

export function selectLines(
  db: Executor,
  taskId: string,
  after: { attemptNumber: number; seq: number },
  limit: number,
): Promise<LogEntry[]> {
  return db.query<LogEntry>(sql`
    select attempt_number, seq, kind, body, logged_at from task_log
    where task_id = ${taskId} and (attempt_number, seq) > (${after.attemptNumber}::int, ${after.seq}::int)
    order by attempt_number, seq limit ${limit}`)
}
