import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { EmbeddedDatabase } from '../../src/db/embedded.ts'
import { openDatabase } from '../../src/db/index.ts'
import { packagedMigrations, readMigrations } from '../../src/db/journal.ts'
import { migrate } from '../../src/db/migrate.ts'
import { PostgresDatabase } from '../../src/db/postgres.ts'
import { type TestPlace, testPlace } from '../harness/database.ts'

const log = () => undefined

let place: TestPlace
let db: EmbeddedDatabase | PostgresDatabase
let folder: string

beforeAll(async () => {
  place = await testPlace('migrated')
  const { url, dataDir = '' } = place.config
  db = url
    ? new PostgresDatabase({ url, poolMin: 0, poolMax: 2, statementTimeoutMs: 10_000, log })
    : await EmbeddedDatabase.open({ dataDir, statementTimeoutMs: 10_000, log })
})

afterAll(async () => {
  await db.stop()
  await place.drop()
})

beforeEach(async () => {
  // Each test brings its own migrations to a database that has none.
  for (const table of ['drizzle.agent_turbo_migrations', 'first', 'second']) {
    await db.query(sql`drop table if exists ${sql.raw(table)}`)
  }
  folder = mkdtempSync(join(tmpdir(), 'agent-turbo-migrations-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

interface Entry {
  name: string
  when: number
  text: string
}

const first: Entry = {
  name: '0000_first',
  when: 1,
  text: 'create table first (id int);\n--> statement-breakpoint\ninsert into first values (1); insert into first values (2);',
}
const second: Entry = { name: '0001_second', when: 2, text: 'create table second (id int);' }

function writeMigrations(...entries: Entry[]): void {
  mkdirSync(join(folder, 'meta'), { recursive: true })
  for (const { name, text } of entries) writeFileSync(join(folder, `${name}.sql`), text)
  const journal = {
    version: '7',
    dialect: 'postgresql',
    entries: entries.map(({ name, when }, idx) => ({ idx, when, tag: name })),
  }
  writeFileSync(join(folder, 'meta', '_journal.json'), JSON.stringify(journal))
}

/** Migrates; returns the rows of `first` and whether `second` exists. */
async function migrated(): Promise<unknown> {
  await db.maintain((session) => migrate(session, { folder, log }))
  const [row] = await db.query(
    sql`select (select count(*) from first) as first, to_regclass('second') is not null as second`,
  )
  return row
}

describe('migrations', () => {
  it('are applied once each, in order', async () => {
    writeMigrations(first)
    expect(await migrated()).toEqual({ first: 2, second: false })
    expect(await migrated()).toEqual({ first: 2, second: false })
    writeMigrations(first, second)
    expect(await migrated()).toEqual({ first: 2, second: true })
  })

  it('are refused when an applied one was changed', async () => {
    writeMigrations(first)
    await migrated()
    writeMigrations({ ...first, text: `${first.text} -- changed` }, second)
    await expect(migrated()).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('was changed after'),
    })
  })

  it('are refused when the database is newer', async () => {
    writeMigrations(first, second)
    await migrated()
    writeMigrations(first)
    await expect(migrated()).rejects.toMatchObject({ message: expect.stringContaining('newer than this program') })
  })

  it('are refused when one was put before an applied one', async () => {
    writeMigrations(first, second)
    await migrated()
    writeMigrations(first, { name: '0001_late', when: 1.5, text: 'create table late (id int);' }, second)
    await expect(migrated()).rejects.toMatchObject({ message: expect.stringContaining('0001_late was not applied') })
  })

  it('are refused when the journal is out of order', async () => {
    writeMigrations(first, { ...second, when: 1 })
    await expect(migrated()).rejects.toThrow('out of order')
  })

  it('leave nothing of one that fails, and keep those before it', async () => {
    const failing = { ...second, text: 'create table second (id int);\n--> statement-breakpoint\nselect 1 / 0;' }
    writeMigrations(first, failing)
    await expect(migrated()).rejects.toMatchObject({
      code: 'internal',
      message: 'the migration 0001_second failed (SQLSTATE 22012)',
    })
    writeMigrations(first)
    expect(await migrated()).toEqual({ first: 2, second: false })
  })

  it('of the package are in order', () => {
    expect(readMigrations(packagedMigrations).length).toBeGreaterThan(0)
  })

  it('of the package make a store from nothing', async () => {
    const empty = await testPlace('empty')
    const own = await openDatabase(empty.config)
    const [row] = await own.query(sql`select extversion as version from pg_extension where extname = 'vector'`)
    expect(row).toEqual({ version: expect.stringMatching(/^0\.[89]|^[1-9]/) })
    await own.stop()
    await empty.drop()
  })
})
