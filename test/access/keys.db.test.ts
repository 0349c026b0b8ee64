import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AccessService, createAccess } from '../../src/access/index.ts'
import { createLog } from '../../src/base/log.ts'
import type { Executor } from '../../src/db/index.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database.drop())

/** An access service of its own, as another process would have, with a clock of its own and its statements counted. */
function access(): { service: AccessService; clock: { ms: number }; statements: () => number } {
  const clock = { ms: 1_000_000 }
  let statements = 0
  const db: Executor = {
    query: (statement) => {
      statements++
      return database.db.query(statement)
    },
  }
  const service = createAccess({ db, log: createLog({ level: 'silent' }), now: () => clock.ms })
  return { service, clock, statements: () => statements }
}

const unauthorized = { code: 'unauthorized' }

test('a key has its form, is shown once and kept only as a hash', async () => {
  const { service } = access()
  const made = await service.createKey({ name: 'ci', scopes: ['read', 'write', 'read'] })
  expect(made.key).toMatch(/^at_[0-9A-Za-z]{38}$/)
  expect(made).toMatchObject({
    name: 'ci',
    scopes: ['read', 'write'],
    prefix: made.key.slice(0, 9),
    revokedAt: null,
    lastUsedAt: null,
  })
  expect(await service.verifyKey(made.key)).toEqual({ id: `key:${made.id}`, scopes: ['read', 'write'] })
  const everything = JSON.stringify([await service.listKeys(), await database.db.query(sql`select * from api_keys`)])
  expect(everything).not.toContain(made.key)
  expect(everything).not.toContain(made.key.slice(0, 10))
})

describe('a key is refused', () => {
  test('without asking the database when its checksum is wrong', async () => {
    const { service, statements } = access()
    const { key } = await service.createKey({ name: 'x', scopes: ['read'] })
    const before = statements()
    const swapped = key.slice(0, 10) + (key[10] === 'a' ? 'b' : 'a') + key.slice(11)
    for (const wrong of [swapped, `${key}x`, key.slice(1), '', 'at_', key.toUpperCase()]) {
      await expect(service.verifyKey(wrong)).rejects.toMatchObject(unauthorized)
    }
    expect(statements()).toBe(before)
  })

  test('when it was never made, here', async () => {
    const { generateKey } = await import('../../src/access/keys.ts')
    await expect(access().service.verifyKey(generateKey())).rejects.toMatchObject(unauthorized)
  })

  test('when it has expired, by the clock of the database', async () => {
    const { service } = access()
    const { key } = await service.createKey({ name: 'x', scopes: ['read'], expiresAt: '2020-01-01T00:00:00Z' })
    await expect(service.verifyKey(key)).rejects.toMatchObject(unauthorized)
  })

  test('when it is revoked: at once here, within five seconds elsewhere', async () => {
    const here = access()
    const elsewhere = access()
    const { key, id } = await here.service.createKey({ name: 'x', scopes: ['read'] })
    await Promise.all([here.service.verifyKey(key), elsewhere.service.verifyKey(key)])
    expect(await here.service.revokeKey(id)).toEqual({ id, revoked: true })
    await expect(here.service.verifyKey(key)).rejects.toMatchObject(unauthorized)
    elsewhere.clock.ms += 4_999
    await elsewhere.service.verifyKey(key)
    elsewhere.clock.ms += 1
    await expect(elsewhere.service.verifyKey(key)).rejects.toMatchObject(unauthorized)
    expect(await here.service.revokeKey(id)).toEqual({ id, revoked: true })
    await expect(here.service.revokeKey(id + 1_000)).rejects.toMatchObject({ code: 'not_found' })
  })
})

test('a verification that was at work during a revocation does not make the key trusted again', async () => {
  let revoke: (() => Promise<unknown>) | undefined
  const db: Executor = {
    query: async (statement) => {
      const rows = await database.db.query(statement)
      // Between the reading of the key and the use of what was read.
      const now = revoke
      revoke = undefined
      await now?.()
      return rows as never
    },
  }
  const service = createAccess({ db, log: createLog({ level: 'silent' }), now: () => 1_000_000 })
  const { key, id } = await service.createKey({ name: 'x', scopes: ['read'] })
  revoke = () => service.revokeKey(id)
  await service.verifyKey(key)
  await expect(service.verifyKey(key)).rejects.toMatchObject(unauthorized)
})

test('a verified key is trusted for five seconds, and its use noted once a minute', async () => {
  const { service, clock, statements } = access()
  const { key, id } = await service.createKey({ name: 'x', scopes: ['read'] })
  const before = statements()
  await service.verifyKey(key)
  expect(statements() - before).toBe(2)
  for (let i = 0; i < 100; i++) await service.verifyKey(key)
  expect(statements() - before).toBe(2)
  clock.ms += 5_000
  await service.verifyKey(key)
  expect(statements() - before).toBe(3)
  const used = (await service.listKeys()).find((row) => row.id === id)
  expect(used?.lastUsedAt).toMatch(/^\d{4}-\d\d-\d\dT/)
})

test('there are keys when one could be used', async () => {
  const { service } = access()
  const usable = (await service.listKeys()).filter(
    ({ revokedAt, expiresAt }) => revokedAt === null && expiresAt === null,
  )
  expect(await service.hasKeys()).toBe(true)
  for (const { id } of usable) await service.revokeKey(id)
  expect(await service.hasKeys()).toBe(false)
})

test('the scopes are a closed vocabulary in the database too', async () => {
  const insert = sql`insert into api_keys (name, prefix, key_hash, scopes) values ('x', 'at_', 'h', array['root'])`
  await expect(database.db.query(insert)).rejects.toMatchObject({ code: 'invalid_input' })
})
