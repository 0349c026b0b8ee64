import { once } from 'node:events'
import net from 'node:net'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { freeLoopbackPort } from '../../scripts/postgres/installation.ts'
import { startPrivateServer, type TestServer } from '../../scripts/test-postgres.ts'
import { isTurboError } from '../../src/base/errors.ts'
import { type DatabaseConfig, openDatabase, type Store } from '../../src/db/index.ts'
import { testDatabase } from '../harness/database.ts'
import { withClient } from '../harness/templates.ts'

/** Facts that the store told its log, in order. */
function recorder(): {
  log: NonNullable<DatabaseConfig['log']>
  hosts: unknown[]
  until: (event: string) => Promise<void>
} {
  const events: string[] = []
  const hosts: unknown[] = []
  let wake: () => void = () => undefined
  const log = (event: string, facts: Record<string, unknown>) => {
    events.push(event)
    if (event === 'database host chosen') hosts.push(facts.host)
    wake()
  }
  const until = async (event: string) => {
    while (!events.includes(event))
      await new Promise<void>((resolve) => {
        wake = resolve
      })
  }
  return { log, hosts, until }
}

interface Proxy {
  port: number
  /** Passes nothing on any more but keeps connections open, as a host does whose network is cut. */
  fallSilent(): void
  stop(): void
}

/** Passes connections on to a server on loopback. */
async function startProxy(serverPort: number, port = 0): Promise<Proxy> {
  const sockets = new Set<net.Socket>()
  let isSilent = false
  const listener = net.createServer((client) => {
    const server = net.connect(serverPort, '127.0.0.1')
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => isSilent || to.write(bytes))
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
  })
  listener.listen(port, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as net.AddressInfo).port,
    fallSilent: () => {
      isSilent = true
    },
    stop: () => {
      listener.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Repeats `work` while the store is away; resolves with the milliseconds that took. */
async function recovered(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    try {
      await work()
      return performance.now() - startedAt
    } catch (error) {
      if (!isTurboError(error, 'unavailable')) throw error
    }
  }
}

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
  let world: { db: Store; drop(): Promise<void> }
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

describe('a host that falls silent', () => {
  it('is left for another one when a statement got no answer', async () => {
    const place = await testDatabase()
    await place.db.stop()
    const server = new URL(place.config.url ?? '')
    const first = await startProxy(Number(server.port))
    const secondPort = await freeLoopbackPort()
    const url = `${place.config.url}`.replace(/@[^/]*\//, `@127.0.0.1:${first.port},127.0.0.1:${secondPort}/`)
    const { log, hosts } = recorder()
    const db = await openDatabase({ url, statementTimeoutMs: 100, log })
    await db.query(sql`select 1`)
    const second = await startProxy(Number(server.port), secondPort)
    first.fallSilent()
    await expect(db.query(sql`select 1`)).rejects.toMatchObject({ code: 'timeout' })
    expect(await db.query(sql`select 1 as one`)).toEqual([{ one: 1 }])
    expect(hosts).toEqual([`127.0.0.1:${first.port}`, `127.0.0.1:${secondPort}`])
    first.stop()
    await db.stop()
    second.stop()
    await place.drop()
  })
})

describe('several hosts', () => {
  let primary: TestServer
  let standby: TestServer
  beforeAll(async () => {
    primary = await startPrivateServer(`primary-${process.pid}`)
    standby = await primary.createStandby(`standby-${process.pid}`)
  })
  afterAll(async () => {
    await standby.remove()
    await primary.remove()
  })

  it('are searched for the writable one, again after a failover', async () => {
    const nobody = await freeLoopbackPort()
    const url = primary
      .url()
      .replace(/@.*\//, `@127.0.0.1:${nobody},127.0.0.1:${standby.port},127.0.0.1:${primary.port}/`)
    const { log, hosts } = recorder()
    const db = await openDatabase({ url: `${url}?target_session_attrs=read-write`, log })
    await db.query(sql`create table kept (n int)`)
    const gaps: string[] = []
    let onGap: () => void = () => undefined
    const gap = new Promise<void>((resolve) => {
      onGap = resolve
    })
    await db.listen('failover', { onNotify: (payload) => gaps.push(payload), onGap })
    await primary.stop('immediate')
    await standby.promote()
    expect(await recovered(() => db.query(sql`insert into kept values (1)`))).toBeLessThan(5_000)
    await gap
    expect(hosts).toEqual([`127.0.0.1:${primary.port}`, `127.0.0.1:${standby.port}`])
    expect(await db.query(sql`select n, pg_is_in_recovery() as standby from kept`)).toEqual([{ n: 1, standby: false }])
    await db.stop()
  })

  it('of which none is writable are named with what they said', async () => {
    await withClient(standby.url(), async (client) => {
      await client.query("alter system set default_transaction_read_only = 'on'")
      await client.query('select pg_reload_conf()')
    })
    const url = standby.url().replace(/@.*\//, `@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/`)
    await expect(openDatabase({ url })).rejects.toMatchObject({
      code: 'unavailable',
      message: `no writable PostgreSQL server: 127.0.0.1:${primary.port} (ECONNREFUSED), 127.0.0.1:${standby.port} (read-only)`,
    })
  })

  it('that turn read-only under open connections are left, and found again', async () => {
    const readOnly = (state: 'on' | 'off') =>
      withClient(standby.url(), async (client) => {
        await client.query(`set default_transaction_read_only = off`)
        await client.query(`alter system set default_transaction_read_only = '${state}'`)
        await client.query('select pg_reload_conf()')
      })
    await readOnly('off')
    const { log, until } = recorder()
    const db = await openDatabase({ url: standby.url(), log })
    await db.query(sql`create table if not exists flips (n int)`)
    await readOnly('on')
    const write = () => db.query(sql`insert into flips values (1)`)
    // The setting reaches an open connection with its next statement after the reload.
    await expect(
      (async () => {
        for (;;) await write()
      })(),
    ).rejects.toMatchObject({ code: 'unavailable' })
    await until('database host left')
    await readOnly('off')
    expect(await recovered(write)).toBeLessThan(5_000)
    await db.stop()
  })
})
