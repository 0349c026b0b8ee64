import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { watch } from 'node:fs/promises'
import type net from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase, readLock } from '../../src/db/index.ts'
import { PgliteStream } from '../../src/db/pglite-stream.ts'
import { Session } from '../../src/db/session.ts'
import { StatementNames } from '../../src/db/statement.ts'
import { embeddedPlace, type TestPlace } from '../harness/database.ts'
import { runScript } from '../harness/processes.ts'

const kills = 5

/** Resolves when `path`, whose parent exists, exists. */
async function appears(path: string): Promise<void> {
  const events = watch(dirname(path))
  const name = basename(path)
  if (existsSync(path)) return
  for await (const { filename } of events) if (filename === name) return
}

describe('a process that was killed', () => {
  let place: TestPlace
  beforeEach(async () => {
    place = await embeddedPlace('migrated')
  })
  afterEach(() => place.drop())

  it('in the middle of writing leaves every acknowledged row, and the next one opens the store', async () => {
    const dataDir = place.config.dataDir ?? ''
    let written = 0
    for (let i = 1; i <= kills; i++) {
      const writer = runScript('test/db/processes/hold-store.ts', [dataDir, 'write'])
      await writer.said(`wrote ${written + 20}`)
      writer.process.kill('SIGKILL')
      const { stdout } = await writer.ended
      written = Number(/wrote (\d+)\n(?!.*wrote \d+\n)/s.exec(stdout)?.[1])
    }
    const db = await openDatabase(place.config)
    const [row] = await db.query<{ n: number; last: number }>(sql`select count(*) as n, max(n) as last from writes`)
    expect(row?.n).toBe(row?.last)
    // One row may have been written whose acknowledgement did not get out.
    expect([written, written + 1]).toContain(row?.last)
    await db.stop()
  })

  it('keeps others out while it lives, who are told where its server answers', async () => {
    const dataDir = place.config.dataDir ?? ''
    const owner = runScript('test/db/processes/hold-store.ts', [dataDir])
    await owner.said('open')
    await expect(openDatabase(place.config)).rejects.toMatchObject({
      code: 'store_locked',
      message: expect.stringContaining(`process ${owner.process.pid}, which serves http://127.0.0.1:8780`),
      next: expect.stringContaining('Use the server at http://127.0.0.1:8780'),
    })
    expect(readLock(dataDir)).toMatchObject({ pid: owner.process.pid, url: 'http://127.0.0.1:8780' })
    owner.process.kill('SIGKILL')
    await owner.ended
    const db = await openDatabase(place.config)
    expect(await db.query(sql`select 1 as one`)).toEqual([{ one: 1 }])
    await db.stop()
  })
})

describe('a first start', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'agent-turbo-first-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

  it('that was killed half-way leaves nothing in the way of the next', async () => {
    const first = runScript('test/db/processes/hold-store.ts', [dataDir])
    const unfinished = join(dataDir, 'postgres.new')
    await appears(unfinished)
    await appears(join(unfinished, 'base'))
    first.process.kill('SIGKILL')
    await first.ended
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false)
    const db = await openDatabase({ dataDir })
    expect(await db.query(sql`select count(*) > 0 as migrated from drizzle.agent_turbo_migrations`)).toEqual([
      { migrated: true },
    ])
    await db.stop()
    expect(readdirSync(dataDir).filter((name) => name !== 'postgres' && !name.startsWith('lock-'))).toEqual([])
  })

  it('on a data directory that is broken says so', async () => {
    mkdirSync(join(dataDir, 'postgres'))
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '18\n')
    await expect(openDatabase({ dataDir })).rejects.toMatchObject({
      code: 'internal',
      message: `the embedded store in ${dataDir} does not open`,
    })
    expect(readLock(dataDir)).toBeNull()
  })
})

describe('an engine thread that dies', () => {
  it('fails what is in flight with unavailable', async () => {
    const place = await embeddedPlace('migrated')
    const stream = new PgliteStream(join(place.config.dataDir ?? '', 'postgres'))
    const client = new pg.Client({ user: 'postgres', ssl: false, stream: () => stream as unknown as net.Socket })
    const session = new Session(client, new StatementNames(), 10_000)
    await client.connect()
    const endless = expect(
      session.query(sql`select count(*) from generate_series(1, 10000000000)`),
    ).rejects.toMatchObject({
      code: 'unavailable',
    })
    stream.destroy(new Error('the thread died'))
    await endless
    await expect(session.query(sql`select 1`)).rejects.toMatchObject({ code: 'unavailable' })
    await place.drop()
  })

  it('is ended when a statement overruns; what waits runs in the next one, and listeners are told', async () => {
    const place = await embeddedPlace('migrated')
    const events: string[] = []
    const db = await openDatabase({ ...place.config, statementTimeoutMs: 1_000, log: (event) => events.push(event) })
    await db.query(sql`create table kept (n int)`)
    const heard: string[] = []
    await db.listen('thread', {
      onNotify: (payload) => heard.push(payload),
      onGap: () => heard.push('gap'),
      onState: (connected) => heard.push(connected ? 'up' : 'down'),
    })
    // Nothing but the end of its thread interrupts the engine in a loop.
    const endless = db.query(sql`insert into kept select count(*) from generate_series(1, 10000000000)`)
    const waiting = db.query(sql`insert into kept values (1)`)
    await expect(endless).rejects.toMatchObject({ code: 'timeout' })
    await waiting
    await db.query(sql`select pg_notify('thread', 'hello')`)
    expect(await db.query(sql`select n from kept`)).toEqual([{ n: 1 }])
    expect(heard).toEqual(['up', 'down', 'up', 'gap', 'hello'])
    expect(events.filter((event) => event === 'embedded store opened again')).toHaveLength(1)
    await db.stop()
    await place.drop()
  })
})
