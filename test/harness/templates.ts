import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { openDatabase } from '../../src/db/index.ts'
import { packagedMigrations, readMigrations } from '../../src/db/journal.ts'

const keepMs = 24 * 3_600_000

/** Where the folders of embedded test databases are. */
export const testFolder = join(tmpdir(), 'agent-turbo-tests')
/** Names of the databases of tests on a server start with this. */
export const testDatabasePrefix = 'at_test_'

/** Names a migrated template: another schema or engine is another template. */
function templateKey(): string {
  const engine = new URL('../../node_modules/@electric-sql/pglite/package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(engine, 'utf8')) as { version: string }
  const hashes = readMigrations(packagedMigrations).map(({ hash }) => hash)
  return createHash('sha256')
    .update([version, ...hashes].join())
    .digest('hex')
    .slice(0, 12)
}

/** The folder of a migrated, closed embedded store; made when it does not exist yet. */
export async function embeddedTemplate(): Promise<string> {
  const folder = join(testFolder, `template-${templateKey()}`)
  if (existsSync(folder)) return folder
  mkdirSync(testFolder, { recursive: true })
  removeOldFolders()
  const unfinished = `${folder}.${process.pid}`
  const db = await openDatabase({ dataDir: unfinished })
  await db.stop()
  try {
    renameSync(unfinished, folder)
  } catch (error) {
    // Another test run has made it meanwhile.
    if (!existsSync(folder)) throw error
    rmSync(unfinished, { recursive: true })
  }
  return folder
}

function removeOldFolders(): void {
  for (const name of readdirSync(testFolder)) {
    const path = join(testFolder, name)
    if (Date.now() - statSync(path).mtimeMs > keepMs) rmSync(path, { recursive: true, force: true })
  }
}

/** The name of a migrated database on the server, which nobody is connected to; made when it does not exist yet. */
export async function postgresTemplate(serverUrl: string): Promise<string> {
  const template = `at_template_${templateKey()}`
  await withClient(serverUrl, async (client) => {
    // Test runs that start at once take turns; the lock ends with the connection.
    await client.query("select pg_advisory_lock(hashtextextended('agent_turbo_test_template', 0))")
    await removeOldDatabases(client)
    const { rowCount } = await client.query('select from pg_database where datname = $1', [template])
    if (rowCount !== 0) return
    const unfinished = `${template}_new`
    await client.query(`drop database if exists ${unfinished} with (force)`)
    await client.query(`create database ${unfinished} template template0`)
    const db = await openDatabase({ url: databaseUrl(serverUrl, unfinished) })
    await db.stop()
    await client.query(`alter database ${unfinished} rename to ${template}`)
  })
  return template
}

/** Databases of failed tests, whose names end with the second they were made in, stay for a day. */
async function removeOldDatabases(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    'select datname as name from pg_database where starts_with(datname, $1)',
    [testDatabasePrefix],
  )
  for (const { name } of rows) {
    const seconds = Number(name.split('_').at(-1))
    if (Date.now() - seconds * 1000 > keepMs) await client.query(`drop database if exists ${name} with (force)`)
  }
}

/** The same server, another database. */
export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
