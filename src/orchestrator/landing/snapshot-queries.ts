import { sql } from 'drizzle-orm'
import { fromWire, type ToWire, toWire } from '../../base/wire.ts'
import type { Executor } from '../../db/executor.ts'
import type { LandingFormat } from './types.ts'

/** A landing context as it is kept over restarts. */
export interface Snapshot {
  project: string | null
  role: string | null
  goal: string | null
  maxTokens: number
  format: LandingFormat
  version: string
  /** What was answered, without its time. */
  content: unknown
}

/** Days that a snapshot nobody asks for is kept. */
const KEPT_DAYS = 7
/** Snapshots kept at most; each goal makes one. */
const SNAPSHOTS_MAX = 1_000
const PREFIX = 'landing:'

/** What is to be kept, and under which key. */
export interface Keeping {
  key: string
  snapshot: Snapshot
  tokens: number
}

/**
 * Keeps snapshots and tells since when the content of each is as it is, in their order: in every process the same
 * moment, as a content that is kept already stays as it is. Of several contents of one key the last is kept, and the
 * others are of now. Undefined where another process was quicker. Not worth waiting for the disk.
 */
export async function keepSnapshots(db: Executor, all: readonly Keeping[]): Promise<(string | undefined)[]> {
  const kept = new Map(all.map((keeping) => [keeping.key, keeping]))
  const entries = [...kept.values()].map(({ key, snapshot, tokens }) => ({
    key: PREFIX + key,
    tokens,
    payload: toWire(snapshot),
  }))
  const rows = await db.query<{ key: string; version: string; generatedAt: string }>(sql`
    with relaxed as materialized (select set_config('synchronous_commit', 'off', true)),
    wanted as materialized (
      select r.* from relaxed, jsonb_to_recordset(${JSON.stringify(entries)}::jsonb) as r(key text, tokens int, payload jsonb)
      order by key
    ),
    kept as (
      insert into agent_context_cache as c (context_key, payload, tokens, expires_at)
      select key, payload, tokens, now() + make_interval(days => ${KEPT_DAYS}) from wanted
      on conflict (context_key) do update set payload = excluded.payload, tokens = excluded.tokens,
        generated_at = now(), expires_at = excluded.expires_at, context_version = c.context_version + 1
      where c.payload->>'version' <> excluded.payload->>'version'
      returning context_key, payload->>'version' as version, generated_at
    )
    select context_key as key, version, generated_at from kept
    union all
    select c.context_key, c.payload->>'version', c.generated_at
    from wanted w join agent_context_cache c on c.context_key = w.key
    where c.payload->>'version' = w.payload->>'version'
    union all
    select '', '', now()`)
  const since = new Map(rows.map(({ key, version, generatedAt }) => [`${key} ${version}`, generatedAt]))
  return all.map((keeping) => {
    const { key, snapshot } = keeping
    return since.get(kept.get(key) === keeping ? `${PREFIX}${key} ${snapshot.version}` : ' ')
  })
}

/** The database's clock, for what is not kept. */
export async function readClock(db: Executor): Promise<string> {
  const [row] = await db.query<{ now: string }>(sql`select now() as now`)
  return row?.now as string
}

/** The snapshots last asked for, so that a process that starts has them ready. */
export async function recentSnapshots(db: Executor, limit: number): Promise<Omit<Snapshot, 'content'>[]> {
  const rows = await db.query<{ payload: ToWire<Omit<Snapshot, 'content'>> }>(sql`
    select payload - 'content' as payload from agent_context_cache
    where starts_with(context_key, ${PREFIX}) order by expires_at desc limit ${limit}`)
  return rows.map(({ payload }) => fromWire(payload))
}

/** Keeps what was asked for, and removes what was not for {@link KEPT_DAYS} or is too much. */
export async function renewSnapshots(db: Executor, keys: string[]): Promise<void> {
  if (keys.length > 0) {
    await db.query(sql`
      update agent_context_cache set expires_at = now() + make_interval(days => ${KEPT_DAYS})
      where context_key = any(${sql.param(keys.map((key) => PREFIX + key))}::text[])`)
  }
  await db.query(sql`
    delete from agent_context_cache where context_key in (
      select context_key from agent_context_cache where starts_with(context_key, ${PREFIX}) and expires_at < now()
      union all
      (
        select context_key from agent_context_cache where starts_with(context_key, ${PREFIX})
        order by expires_at desc offset ${SNAPSHOTS_MAX}
      )
    )`)
}
