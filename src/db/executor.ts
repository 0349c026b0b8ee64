import type { SQL } from 'drizzle-orm'

/**
 * Runs one statement. Rows come back with camelCase column names (values of json columns are left as they are),
 * `timestamptz` as ISO 8601 UTC strings with microseconds, `bigint` and `numeric` as numbers, the same on both engines.
 *
 * @throws TurboError with code `unavailable` (connection lost, server starting, pool exhausted), `timeout` (statement
 * timeout), `conflict` (unique or foreign key), `invalid_input` (a value the database refuses), `internal`.
 * No parameter value ever reaches the message or the cause.
 */
export interface Executor {
  query<Row>(statement: SQL): Promise<Row[]>
}

/** A store: a pool of connections to a PostgreSQL server, or the embedded PGlite in its worker thread. */
export interface Database extends Executor {
  readonly engine: 'embedded' | 'postgres'
  /** Runs `work` in one READ COMMITTED transaction; rolls back when it throws. Never nest calls on the Database inside. */
  transaction<T>(work: (tx: Executor) => Promise<T>): Promise<T>
  /**
   * Calls `onNotify` for each NOTIFY on `channel`, `onGap` each time notifications may have been missed (the
   * connection was lost and is back). Resolves when listening. The returned function stops it.
   */
  listen(channel: string, handlers: ListenHandlers): Promise<() => Promise<void>>
  /**
   * Holds a session-level advisory lock for the length of `work`; returns `null` without running it when taken.
   * `session` is the connection that holds the lock, outside the pool: statements on it may take up to an hour (building
   * an index) and fail once the lock is lost.
   */
  tryExclusive<T>(lock: string, work: (session: Executor) => Promise<T>): Promise<{ value: T } | null>
  /** Ends every connection after statements in flight are done. Idempotent. */
  stop(): Promise<void>
}

export interface ListenHandlers {
  onNotify(payload: string): void
  onGap(): void
  /** False while the connection is down, so that caches shorten their trust. */
  onState?(connected: boolean): void
}

/**
 * Takes what happens to the store beside its answers; facts never hold values or secrets. `level` is `warn` where
 * something was lost, else `info`, the default.
 */
export type DatabaseLog = (event: string, facts: Record<string, unknown>, level?: 'info' | 'warn') => void
