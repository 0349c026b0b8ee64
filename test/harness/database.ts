import { randomBytes } from 'node:crypto'
import { constants, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'
import { type DatabaseConfig, openDatabase, type Store } from '../../src/db/index.ts'
import { outcome } from './outcome.ts'
import { databaseUrl, embeddedTemplate, testDatabasePrefix, testFolder, withClient } from './templates.ts'

/** A place for a store of the engine that this test project runs on. */
export interface TestPlace {
  /** What opens it: `url` or `dataDir`. */
  config: DatabaseConfig
  /** Removes it, unless a test of this file failed. */
  drop(): Promise<void>
}

/** An open store of the caller's own. */
export interface TestDatabase extends TestPlace {
  db: Store
}

/** The engine that this test project runs on. */
export const engine = process.env.ENGINE === 'postgres' ? 'postgres' : 'embedded'

/** A migrated store in a world of its own, on the engine of this project. `drop` stops it first. */
export async function testDatabase(options: DatabaseConfig = {}): Promise<TestDatabase> {
  const place = await testPlace('migrated')
  const config = { ...options, ...place.config }
  const db = await openDatabase(config)
  return {
    db,
    config,
    drop: async () => {
      await db.stop()
      await place.drop()
    },
  }
}

/** A place for a store: `migrated`, or `empty` as on a first start. */
export function testPlace(state: 'migrated' | 'empty'): Promise<TestPlace> {
  if (engine === 'embedded') return embeddedPlace(state)
  return postgresPlace(inject('serverUrl'), state === 'migrated' ? inject('template') : 'template0')
}

/** A data folder, with a migrated store in it or with nothing. */
export async function embeddedPlace(state: 'migrated' | 'empty'): Promise<TestPlace> {
  mkdirSync(testFolder, { recursive: true })
  const dataDir = mkdtempSync(join(testFolder, 'store-'))
  if (state === 'migrated') {
    const from = join(await embeddedTemplate(), 'postgres')
    cpSync(from, join(dataDir, 'postgres'), { recursive: true, mode: constants.COPYFILE_FICLONE })
  }
  return {
    config: { dataDir },
    drop: async () => {
      if (!outcome.failed) rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** A database on the server at `serverUrl`, copied from `template`; `template0` is empty. */
export async function postgresPlace(serverUrl: string, template: string): Promise<TestPlace> {
  const name = `${testDatabasePrefix}${randomBytes(6).toString('hex')}_${Math.floor(Date.now() / 1000)}`
  await withClient(serverUrl, (client) => client.query(`create database ${name} template ${template}`))
  return {
    config: { url: databaseUrl(serverUrl, name) },
    drop: async () => {
      if (outcome.failed) return
      await withClient(serverUrl, (client) => client.query(`drop database ${name} with (force)`))
    },
  }
}
