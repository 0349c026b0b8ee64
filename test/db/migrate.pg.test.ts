import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openDatabase } from '../../src/db/index.ts'
import { packagedMigrations } from '../../src/db/journal.ts'
import { migrate } from '../../src/db/migrate.ts'
import { PostgresDatabase } from '../../src/db/postgres.ts'
import { type TestPlace, testPlace } from '../harness/database.ts'
import { runScript } from '../harness/processes.ts'
import { databaseUrl, withClient } from '../harness/templates.ts'

const processes = 20

let place: TestPlace

beforeAll(async () => {
  place = await testPlace('empty')
})

afterAll(() => place.drop())

describe('twenty processes that start at once', () => {
  it('migrate an empty database once, and none fails', async () => {
    const runs = Array.from({ length: processes }, () =>
      runScript('test/db/processes/migrate.ts', [place.config.url ?? '']),
    )
    const answers = await Promise.all(runs.map((run) => run.ended))
    expect(answers.map(({ code, stderr }) => ({ code, stderr }))).toEqual(answers.map(() => ({ code: 0, stderr: '' })))
    const migratedBy = answers
      .map(({ stdout }) => (stdout.match(/^migrated /gm) ?? []).length)
      .filter((count) => count > 0)
    expect(migratedBy).toHaveLength(1)
  }, 120_000)
})

describe('a database that cannot be migrated', () => {
  it('is waited for while another process migrates, for a bounded time', async () => {
    const own = await testPlace('empty')
    const url = own.config.url ?? ''
    await withClient(url, async (client) => {
      await client.query("select pg_advisory_lock(hashtextextended('agent_turbo_migrations', 0))")
      const db = new PostgresDatabase({ url, poolMin: 0, poolMax: 1, statementTimeoutMs: 5_000, log: () => undefined })
      const run = db.maintain((session) =>
        migrate(session, { folder: packagedMigrations, log: () => undefined, lockWaitMs: 200 }),
      )
      await expect(run).rejects.toMatchObject({ code: 'timeout', message: expect.stringContaining('another process') })
      await db.stop()
    })
    await own.drop()
  })

  it('says what to do when the role may not create pgvector', async () => {
    const own = await testPlace('empty')
    const admin = own.config.url ?? ''
    const name = new URL(admin).pathname.slice(1)
    const role = `${name}_role`
    await withClient(admin, async (client) => {
      await client.query(`create role ${role} login password 'x'`)
    })
    const url = new URL(databaseUrl(inject('serverUrl'), name))
    url.username = role
    url.password = 'x'
    await expect(openDatabase({ url: url.href })).rejects.toMatchObject({
      code: 'internal',
      next: expect.stringContaining('create extension vector'),
    })
    await own.drop()
    await withClient(inject('serverUrl'), (client) => client.query(`drop role ${role}`))
  })

  it('is not reached with a wrong password or database name, and says so without the password', async () => {
    const wrong = new URL(inject('serverUrl'))
    wrong.password = 'wr0ng-marker'
    const denied = await openDatabase({ url: wrong.href }).catch((error: unknown) => error)
    expect(denied).toMatchObject({ code: 'unavailable', message: expect.stringContaining('the password is wrong') })
    expect(`${denied} ${JSON.stringify(denied)}`).not.toContain('marker')
    await expect(openDatabase({ url: databaseUrl(inject('serverUrl'), 'no_such_database') })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('does not exist'),
    })
  })

  it('keeps its lock to one database', async () => {
    const db = await openDatabase(place.config)
    expect(
      await db.query(
        sql`select count(*) as locks from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
      ),
    ).toEqual([{ locks: 0 }])
    await db.stop()
  })
})
