import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { must } from '../base/assert.ts'
import type { Database, Executor } from './executor.ts'
import { packagedMigrations, readMigrations } from './journal.ts'

/** What a database says of itself. */
export interface DatabaseFacts {
  /** E.g. `17.5`. */
  serverVersion: string
  /** Null where the extension is missing. */
  vectorVersion: string | null
  /** Migrations applied, and those that this program has. */
  migrationsApplied: number
  migrationsKnown: number
  /** The database's clock, ISO 8601 UTC. */
  now: string
  readOnly: boolean
}

/** Reads {@link DatabaseFacts} from a migrated database. */
export async function inspectDatabase(db: Executor): Promise<DatabaseFacts> {
  const [facts] = await db.query<Omit<DatabaseFacts, 'migrationsKnown'>>(sql`
    select split_part(current_setting('server_version'), ' ', 1) as server_version,
      (select extversion from pg_extension where extname = 'vector') as vector_version,
      (select count(*) from drizzle.agent_turbo_migrations) as migrations_applied,
      clock_timestamp() as now,
      pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean as read_only`)
  return { ...must(facts, 'one row'), migrationsKnown: readMigrations(packagedMigrations).length }
}

/**
 * Sends a notification to itself through the database and waits for it; gives the milliseconds that took, or null when
 * it has not arrived within `timeoutMs`.
 */
export async function notifyRoundTrip(db: Database, timeoutMs: number): Promise<number | null> {
  const channel = `agent_turbo_doctor_${randomBytes(6).toString('hex')}`
  let timer: NodeJS.Timeout | undefined
  let arrived: (ms: number | null) => void = () => undefined
  const arrival = new Promise<number | null>((resolve) => {
    arrived = resolve
  })
  let sentMs = 0
  const unlisten = await db.listen(channel, {
    onNotify: () => arrived(performance.now() - sentMs),
    onGap: () => undefined,
  })
  try {
    timer = setTimeout(() => arrived(null), timeoutMs)
    sentMs = performance.now()
    await db.query(sql`select pg_notify(${channel}, '')`)
    return await arrival
  } finally {
    clearTimeout(timer)
    await unlisten()
  }
}
