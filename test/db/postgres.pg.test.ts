import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startPrivateServer, type TestServer } from '../../scripts/test-postgres.ts'
import { isTurboError } from '../../src/base/errors.ts'
import { openDatabase } from '../../src/db/index.ts'
import { testDatabase } from '../harness/database.ts'
import { withClient } from '../harness/templates.ts'
import { startProxy } from './proxy.ts'
import { recovered } from './recovery.ts'

describe('a server that is restarted under load', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await startPrivateServer()
  })
  afterAll(() => server.remove())

  it.each(['fast', 'immediate'] as const)(
    'fails calls with unavailable only, and is back by itself (%s)',
    async (mode) => {
      const db = await openDatabase({ url: server.url() })
      await db.query(sql`create table if not exists writes (id bigserial primary key, n int not null)`)
      await db.query(sql`truncate writes`)
      let on = true
      let acknowledged = 0
      const codes = new Set<string>()
      const writer = async () => {
        while (on) {
          try {
            await db.query(sql`insert into writes (n) values (${acknowledged})`)
            acknowledged++
          } catch (error) {
            codes.add(isTurboError(error) ? error.code : String(error))
          }
        }
      }
      const writers = Array.from({ length: 8 }, writer)
      await server.restart(mode)
      const tookMs = await recovered(() => db.query(sql`select 1`))
      on = false
      await Promise.all(writers)
      expect(tookMs).toBeLessThan(5_000)
      expect([...codes]).toEqual(['unavailable'])
      const [row] = await db.query<{ n: number }>(sql`select count(*) as n from writes`)
      // A write whose answer was lost may have happened; one that was acknowledged must have.
      expect(row?.n).toBeGreaterThanOrEqual(acknowledged)
      expect(row?.n).toBeLessThanOrEqual(acknowledged + 8)
      await db.stop()
    },
  )

  it('listens again after it, and says that something may have been missed', async () => {
    const db = await openDatabase({ url: server.url() })
    const heard: string[] = []
    let wake: () => void = () => undefined
    const tell = (word: string) => {
      heard.push(word)
      wake()
    }
    await db.listen('after_restart', {
      onNotify: tell,
      onGap: () => tell('gap'),
      onState: (connected) => tell(connected ? 'up' : 'down'),
    })
    const until = async (word: string) => {
      while (!heard.includes(word))
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
    await server.restart('fast')
    await until('gap')
    await recovered(() => db.query(sql`select pg_notify('after_restart', 'hello')`))
    await until('hello')
    expect(heard).toEqual(['up', 'down', 'up', 'gap', 'hello'])
    await db.stop()
  })

  it('cannot be opened while it is down, and says which host refused', async () => {
    await server.stop()
    await expect(openDatabase({ url: server.url() })).rejects.toMatchObject({
      code: 'unavailable',
      message: `no writable PostgreSQL server: 127.0.0.1:${server.port} (ECONNREFUSED)`,
      retryAfterSeconds: 1,
    })
    await server.start()
  })
})

describe('a connection that is terminated', () => {
  let world: Awaited<ReturnType<typeof testDatabase>>
  beforeAll(async () => {
    world = await testDatabase({ poolMax: 2 })
  })
  afterAll(() => world.drop())

  it('in the middle of a statement fails that one only', async () => {
    const { db } = world
    const [own] = await db.query<{ name: string }>(sql`select current_database() as name`)
    const sleeping = expect(db.query(sql`select pg_sleep(30)`)).rejects.toMatchObject({ code: 'unavailable' })
    await withClient(inject('serverUrl'), async (client) => {
      for (let ended = 0; ended === 0; ) {
        const { rowCount } = await client.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and query like 'select pg_sleep(30)%'",
          [own?.name],
        )
        ended = rowCount ?? 0
      }
    })
    await sleeping
    expect(await db.query(sql`select 1 as one`)).toEqual([{ one: 1 }])
  })

  it('is not used again, also where its end comes late', async () => {
    const server = new URL(world.config.url ?? '')
    const proxy = await startProxy(Number(server.port))
    const db = await openDatabase({ url: server.href.replace(server.host, `127.0.0.1:${proxy.port}`), poolMin: 0 })
    proxy.hideHangUps()
    const [row] = await db.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    await expect(db.query(sql`select pg_terminate_backend(${row?.pid})`)).rejects.toMatchObject({ code: 'unavailable' })
    expect(await db.query(sql`select 1 as one`)).toEqual([{ one: 1 }])
    await db.stop()
    proxy.stop()
  })

  it('in the middle of a transaction rolls it back', async () => {
    const { db } = world
    await db.query(sql`create table halves (n int)`)
    const torn = db.transaction(async (tx) => {
      await tx.query(sql`insert into halves values (1)`)
      const [row] = await tx.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)
      await db.query(sql`select pg_terminate_backend(${row?.pid})`)
      await tx.query(sql`insert into halves values (2)`)
    })
    await expect(torn).rejects.toMatchObject({ code: 'unavailable' })
    expect(await db.query(sql`select * from halves`)).toEqual([])
  })

  it('while idle is replaced', async () => {
    const { db } = world
    const [row] = await db.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    await withClient(inject('serverUrl'), (client) => client.query('select pg_terminate_backend($1)', [row?.pid]))
    expect(await recovered(() => db.query(sql`select 1`))).toBeLessThan(2_000)
  })

  it('is the one that listens: it listens again', async () => {
    const { db } = world
    const heard: string[] = []
    let wake: () => void = () => undefined
    const stop = await db.listen('own_channel', {
      onNotify: (payload) => {
        heard.push(payload)
        wake()
      },
      onGap: () => {
        heard.push('gap')
        wake()
      },
    })
    const until = async (word: string) => {
      while (!heard.includes(word))
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
    await db.query(sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'agent-turbo-listen'`)
    await until('gap')
    await db.query(sql`select pg_notify('own_channel', 'hello')`)
    await until('hello')
    expect(heard).toEqual(['gap', 'hello'])
    await stop()
  })

  it('gives back the exclusive lock that it held', async () => {
    const { db } = world
    const torn = db.tryExclusive('torn', async (session) => {
      const [row] = await session.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)
      await db.query(sql`select pg_terminate_backend(${row?.pid})`)
      await session.query(sql`select 1`)
    })
    await expect(torn).rejects.toMatchObject({ code: 'unavailable' })
    expect(await db.tryExclusive('torn', async () => 'free')).toEqual({ value: 'free' })
  })
})

describe('a pool with every connection busy', () => {
  it('refuses what has waited too long, and goes on afterwards', async () => {
    const world = await testDatabase({ poolMin: 0, poolMax: 1 })
    const busy = world.db.query(sql`select pg_sleep(6)`)
    await expect(world.db.query(sql`select 1`)).rejects.toMatchObject({
      code: 'unavailable',
      message: 'every database connection is busy',
    })
    await busy
    expect(await world.db.query(sql`select 1 as one`)).toEqual([{ one: 1 }])
    await world.drop()
  })
})

describe('stopping', () => {
  it('waits for the calls that have begun and leaves no connection', async () => {
    const place = await testDatabase()
    await place.db.stop()
    const db = await openDatabase(place.config)
    await db.listen('stopping', { onNotify: () => undefined, onGap: () => undefined })
    // Not one of these has a connection yet.
    const running = [db.query(sql`select 1 as one`), db.transaction((tx) => tx.query(sql`select 1 as one`))]
    await db.stop()
    expect(await Promise.all(running)).toEqual([[{ one: 1 }], [{ one: 1 }]])
    const name = new URL(place.config.url ?? '').pathname.slice(1)
    await withClient(inject('serverUrl'), async (client) => {
      const connected = "select from pg_stat_activity where datname = $1 and application_name <> 'agent-turbo-probe'"
      // The server notices the end of a connection a moment after us; a connection that stays makes the test time out.
      for (let left = 1; left > 0; ) left = (await client.query(connected, [name])).rowCount ?? 0
    })
    await place.drop()
  })
})
