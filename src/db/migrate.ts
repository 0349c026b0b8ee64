import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { TurboError } from '../base/errors.ts'
import { failureOf } from './errors.ts'
import { type Migration, readMigrations } from './journal.ts'
import { runTransaction, type Session } from './session.ts'

const serverVersionMin = 150_000
const vectorVersionMin = '0.8.0'
/** How long to wait for another process that migrates, and how often to look. */
const lockWaitMs = 300_000
const lockPollMs = 100

const lockKey = sql`hashtextextended('agent_turbo_migrations', 0)`

/** What a migration run needs. */
export interface MigrateOptions {
  /** A folder with `meta/_journal.json` and the SQL files. */
  folder: string
  log: (event: string, facts: Record<string, unknown>) => void
  /** Milliseconds to wait for another process that migrates. */
  lockWaitMs?: number
}

/**
 * Brings the database to the state of the migrations in `folder`, each in its own transaction. Any number of processes
 * may start at once: one migrates under an advisory lock, the others wait for it and find nothing to do.
 *
 * @throws TurboError `internal` when history differs: a changed or unknown migration, a gap; when PostgreSQL or pgvector
 * is too old or missing. `timeout` when another process holds the lock for too long.
 */
export async function migrate(session: Session, options: MigrateOptions): Promise<void> {
  const migrations = readMigrations(options.folder)
  if ((await pending(session, migrations)).length === 0) return
  await requireServerVersion(session)
  await withLock(session, options.lockWaitMs ?? lockWaitMs, async () => {
    await requireVector(session)
    await session.command(`
      create schema if not exists drizzle;
      create table if not exists drizzle.agent_turbo_migrations (
        name text primary key,
        hash text not null,
        applied_at timestamptz not null default now()
      )`)
    for (const migration of await pending(session, migrations)) {
      await apply(session, migration)
      options.log('migrated', { migration: migration.name })
    }
  })
}

/** The migrations that the database lacks; throws when what it has is not the beginning of ours. */
async function pending(session: Session, migrations: readonly Migration[]): Promise<Migration[]> {
  const applied = await appliedHashes(session)
  const unknown = [...applied.keys()].filter((name) => !migrations.some((migration) => migration.name === name))
  if (unknown.length > 0) {
    throw refused(
      `the database is newer than this program: it has the migration ${unknown[0]}`,
      'Run the version of agent-turbo that migrated it, or a newer one.',
    )
  }
  const waiting = migrations.filter((migration) => !applied.has(migration.name))
  for (const [index, { name, hash }] of migrations.entries()) {
    if (index < applied.size && !applied.has(name)) {
      throw refused(
        `the migration ${name} was not applied, but a later one was`,
        'The journal was reordered: put new migrations at its end.',
      )
    }
    if (applied.has(name) && applied.get(name) !== hash) {
      throw refused(
        `the migration ${name} was changed after it had been applied`,
        'Restore the file as it was and put the change into a new migration.',
      )
    }
  }
  return waiting
}

async function appliedHashes(session: Session): Promise<Map<string, string>> {
  const [found] = await session.query<{ table: string | null }>(
    sql`select to_regclass('drizzle.agent_turbo_migrations')::text as "table"`,
  )
  if (!found?.table) return new Map()
  const rows = await session.query<{ name: string; hash: string }>(
    sql`select name, hash from drizzle.agent_turbo_migrations`,
  )
  return new Map(rows.map(({ name, hash }) => [name, hash]))
}

async function apply(session: Session, { name, hash, statements }: Migration): Promise<void> {
  try {
    await runTransaction(session, async (tx) => {
      for (const statement of statements) await session.command(statement)
      await tx.query(sql`insert into drizzle.agent_turbo_migrations (name, hash) values (${name}, ${hash})`)
    })
  } catch (error) {
    const { sqlstate } = failureOf(error)
    throw new TurboError('internal', `the migration ${name} failed${sqlstate ? ` (SQLSTATE ${sqlstate})` : ''}`, {
      next: 'The database is as it was before this migration. The log of the PostgreSQL server says what it refused.',
      cause: error,
    })
  }
}

/**
 * Asks again and again instead of waiting in the server: a waiting session holds a snapshot, which would stop a
 * `create index concurrently` of the process that has the lock.
 */
async function withLock(session: Session, waitMs: number, work: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + waitMs
  for (;;) {
    const [row] = await session.query<{ taken: boolean }>(sql`select pg_try_advisory_lock(${lockKey}) as taken`)
    if (row?.taken) break
    if (Date.now() >= deadline) {
      throw new TurboError('timeout', 'another process has been migrating the database for too long', {
        next: 'Look for it in pg_stat_activity (application agent-turbo-migrate), then start again.',
      })
    }
    await sleep(lockPollMs * (0.5 + Math.random()))
  }
  try {
    await work()
  } finally {
    if (!session.broken) await session.query(sql`select pg_advisory_unlock(${lockKey})`)
  }
}

async function requireServerVersion(session: Session): Promise<void> {
  const [row] = await session.query<{ version: number }>(
    sql`select current_setting('server_version_num')::int as version`,
  )
  const version = row?.version ?? 0
  if (version < serverVersionMin) {
    throw refused(`PostgreSQL ${Math.floor(version / 10_000)} is too old`, 'Use PostgreSQL 15 or newer.')
  }
}

/** Makes sure of pgvector, creating the extension where the role may. */
async function requireVector(session: Session): Promise<void> {
  const installed = await vectorVersion(session)
  if (installed !== null) return checkVector(installed, 'installed in this database')
  const [available] = await session.query<{ version: string | null }>(
    sql`select default_version as version from pg_available_extensions where name = 'vector'`,
  )
  if (!available?.version) {
    throw refused(
      'this PostgreSQL server does not have the extension pgvector',
      'Install it on the server (Debian: postgresql-<version>-pgvector; Docker: the image pgvector/pgvector), then start again.',
    )
  }
  checkVector(available.version, 'available on this server')
  try {
    await session.command('create extension if not exists vector')
  } catch (error) {
    const denied = failureOf(error).sqlstate === '42501'
    throw denied ? refused('this role may not create the extension pgvector', askAdministrator, error) : error
  }
}

const askAdministrator = 'Let an administrator run `create extension vector` in this database, then start again.'

async function vectorVersion(session: Session): Promise<string | null> {
  const [row] = await session.query<{ version: string }>(
    sql`select extversion as version from pg_extension where extname = 'vector'`,
  )
  return row?.version ?? null
}

function checkVector(version: string, where: string): void {
  if (version.localeCompare(vectorVersionMin, 'en', { numeric: true }) >= 0) return
  throw refused(
    `pgvector ${version} is ${where}; ${vectorVersionMin} or newer is needed`,
    'Install a newer pgvector on the server, then run `alter extension vector update` in this database.',
  )
}

function refused(message: string, next: string, cause?: unknown): TurboError {
  return new TurboError('internal', message, { next, cause })
}
