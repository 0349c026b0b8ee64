import { sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import type { Worker, WorkerPresence, WorkerStatus } from './types.ts'

/** How long after its last sign of life a worker counts as there. */
const SEEN_SECONDS = 60
const ROWS_MAX = 1_000

const columns = sql`w.worker_id, w.node_name as host, w.pid, w.version, w.platforms, w.roles, w.capabilities,
  w.concurrency, w.started_at, w.last_seen, coalesce(w.metadata->'programs', '[]') as programs,
  (select count(*) from task_leases l where l.worker_id = w.worker_id)::int as running,
  case when w.status <> 'stopped' and w.last_seen < now() - make_interval(secs => ${SEEN_SECONDS}) then 'unknown'
    else w.status end as status`

export function selectWorkers(db: Executor): Promise<Worker[]> {
  return db.query<Worker>(sql`
    select ${columns} from workers w where w.last_seen > now() - interval '1 day'
    order by w.status = 'stopped', w.worker_id limit ${ROWS_MAX}`)
}

/** Marks a worker as draining and wakes it; no row when there is none of this id. */
export async function requestDrain(db: Executor, workerId: string): Promise<Worker | undefined> {
  const [row] = await db.query<Worker>(sql`
    with asked as (
      update workers set status = 'draining' where worker_id = ${workerId} and status = 'active'
      returning pg_notify('worker_drain', worker_id)
    )
    select ${columns} from workers w where w.worker_id = ${workerId}`)
  // The statement saw the row as it was before.
  return row && { ...row, status: row.status === 'active' ? 'draining' : row.status }
}

/** A worker that was asked to drain stays so until it says what it does. */
export async function upsertWorker(db: Executor, presence: WorkerPresence): Promise<WorkerStatus> {
  const { workerId, host, pid, version, platforms, roles, capabilities, concurrency, programs } = presence
  const metadata = JSON.stringify({ programs })
  const [row] = await db.query<{ status: WorkerStatus }>(sql`
    insert into workers as w
      (worker_id, node_name, pid, version, platforms, roles, capabilities, concurrency, metadata)
    values (${workerId}, ${host}, ${pid}::int, ${version}, ${sql.param(platforms)}::text[],
      ${sql.param(roles)}::text[], ${sql.param(capabilities)}::text[], ${concurrency}::int, ${metadata}::jsonb)
    on conflict (worker_id) do update set last_seen = now(), platforms = excluded.platforms,
      capabilities = excluded.capabilities, metadata = w.metadata || excluded.metadata
    returning status`)
  return row?.status ?? 'active'
}

export async function setWorkerStatus(db: Executor, workerId: string, status: WorkerStatus): Promise<void> {
  await db.query(sql`update workers set status = ${status}, last_seen = now() where worker_id = ${workerId}`)
}

/** Forgets workers that nobody asks about any more. */
export async function deleteOldWorkers(db: Executor): Promise<void> {
  await db.query(sql`
    delete from workers where worker_id = any(array(
      select worker_id from workers where last_seen < now() - interval '7 days' limit ${ROWS_MAX}))`)
}
