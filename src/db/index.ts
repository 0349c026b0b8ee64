import { must } from '../base/assert.ts'
import { EmbeddedDatabase } from './embedded.ts'
import type { Database, DatabaseLog } from './executor.ts'
import { packagedMigrations } from './journal.ts'
import { migrate } from './migrate.ts'
import { PostgresDatabase } from './postgres.ts'

export { readLock } from './data-lock.ts'
export { canRepeat } from './errors.ts'
export type { Database, Executor } from './executor.ts'
export { inspectDatabase, notifyRoundTrip } from './inspect.ts'

const poolMinDefault = 2
const poolMaxDefault = 10
const statementTimeoutMsDefault = 30_000

/** Which store to open, and how. */
export interface DatabaseConfig {
  /** `postgres://…`, one host or several; without it the store is embedded. */
  url?: string
  /** Folder of the embedded store; needed when there is no `url`. */
  dataDir?: string
  /** Connections kept open on a server; default 2. */
  poolMin?: number
  /** Connections at most; default 10. */
  poolMax?: number
  /** Milliseconds a statement may take; default 30,000. */
  statementTimeoutMs?: number
  /** Told of hosts chosen and lost, migrations and reopenings. */
  log?: DatabaseLog
  /** Another migrations folder than the packaged one, for tests. */
  migrationsFolder?: string
}

/** A store that is open and migrated. */
export interface Store extends Database {
  /** Publishes the address of this process's server in the lock of an embedded store; nothing on a server. */
  announce(url: string | null): void
}

/**
 * Opens the store and migrates it.
 *
 * @throws TurboError `invalid_input` (a bad address), `store_locked` (another process has the data folder), `unavailable`
 * (no writable server), `internal` (it cannot be migrated; the message says why and what to do)
 */
export async function openDatabase(config: DatabaseConfig): Promise<Store> {
  const log = config.log ?? (() => undefined)
  const statementTimeoutMs = config.statementTimeoutMs ?? statementTimeoutMsDefault
  const store = config.url
    ? new PostgresDatabase({
        url: config.url,
        poolMin: config.poolMin ?? poolMinDefault,
        poolMax: config.poolMax ?? poolMaxDefault,
        statementTimeoutMs,
        log,
      })
    : await EmbeddedDatabase.open({ dataDir: must(config.dataDir, 'url or dataDir'), statementTimeoutMs, log })
  try {
    await store.maintain((session) => migrate(session, { folder: config.migrationsFolder ?? packagedMigrations, log }))
    return store
  } catch (error) {
    await store.stop()
    throw error
  }
}
