import { sql } from 'drizzle-orm'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freeLoopbackPort } from '../../scripts/postgres/installation.ts'
import { startPrivateServer, type TestServer } from '../../scripts/test-postgres.ts'
import { type DatabaseConfig, openDatabase } from '../../src/db/index.ts'
import { testDatabase } from '../harness/database.ts'
import { withClient } from '../harness/templates.ts'
import { startProxy } from './proxy.ts'
import { recovered } from './recovery.ts'

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

async function readOnlyNow(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ state: string }>(
    "select current_setting('default_transaction_read_only') as state",
  )
  return rows[0]?.state ?? ''
}

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
    const startedAt = performance.now()
    expect(await db.query(sql`select 1 as one`)).toEqual([{ one: 1 }])
    // Asked at once, not after the silent host has failed to accept a connection as well.
    expect(performance.now() - startedAt).toBeLessThan(2_000)
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

  const readOnly = (state: 'on' | 'off') =>
    withClient(standby.url(), async (client) => {
      await client.query('set default_transaction_read_only = off')
      await client.query(`alter system set default_transaction_read_only = '${state}'`)
      await client.query('select pg_reload_conf()')
      // The setting is in force for a session that starts after the server has read it.
      for (let now = ''; now !== state; ) now = await withClient(standby.url(), readOnlyNow)
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
    await readOnly('on')
    const url = standby.url().replace(/@.*\//, `@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/`)
    await expect(openDatabase({ url })).rejects.toMatchObject({
      code: 'unavailable',
      message: `no writable PostgreSQL server: 127.0.0.1:${primary.port} (ECONNREFUSED), 127.0.0.1:${standby.port} (read-only)`,
    })
  })

  it('that turn read-only are not read from by new connections', async () => {
    await readOnly('off')
    const db = await openDatabase({ url: standby.url() })
    await db.query(sql`select 1`)
    const holding = db.query(sql`select pg_sleep(1)`)
    await readOnly('on')
    await expect(db.query(sql`select 1`)).rejects.toMatchObject({ code: 'unavailable' })
    await holding
    await db.stop()
  })

  it('that turn read-only under open connections are left, and found again', async () => {
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
