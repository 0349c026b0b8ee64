import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isTurboError, type TurboError } from '../../src/base/errors.ts'
import { DatabaseFailureError } from '../../src/db/errors.ts'
import type { Executor } from '../../src/db/index.ts'
import { engine, type TestDatabase, testDatabase } from '../harness/database.ts'

let world: TestDatabase

beforeAll(async () => {
  world = await testDatabase()
  await world.db.query(
    sql`create table things (id bigint primary key, name text not null unique, parent bigint references things)`,
  )
})

afterAll(() => world.drop())

async function failureOf(work: Promise<unknown>): Promise<TurboError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!isTurboError(error)) throw new Error(`expected a TurboError, got ${String(error)}`)
  return error
}

describe('rows', () => {
  it('come back in one shape on every engine', async () => {
    const [row] = await world.db.query(sql`select
      timestamptz '2026-11-20 14:55:56.1234+01' as created_at,
      9007199254740991::bigint as big_id,
      1.25::numeric as cost_usd,
      0.5::real as importance,
      '{"snake_key": {"deep_key": 1}}'::jsonb as metadata,
      array['a', 'b,"c"', null]::text[] as tags,
      array[1, 2]::bigint[] as ids,
      array[timestamptz '2026-01-01 00:00:00+00'] as moments,
      '[1,2.5]'::vector as embedding,
      '[1,2.5]'::halfvec as half_embedding,
      date '2026-01-02' as day,
      interval '90 minutes' as length,
      true as is_on,
      null::text as nothing,
      'x'::name as plain`)
    expect(row).toEqual({
      createdAt: '2026-11-20T13:55:56.123400Z',
      bigId: 9007199254740991,
      costUsd: 1.25,
      importance: 0.5,
      metadata: { snake_key: { deep_key: 1 } },
      tags: ['a', 'b,"c"', null],
      ids: [1, 2],
      moments: ['2026-01-01T00:00:00.000000Z'],
      embedding: '[1,2.5]',
      halfEmbedding: '[1,2.5]',
      day: '2026-01-02',
      length: '01:30:00',
      isOn: true,
      nothing: null,
      plain: 'x',
    })
  })

  it('come back for arrays and large texts given as parameters', async () => {
    const tags = ['plain', 'with "quotes"', 'back\\slash', '', '{}']
    const text = 'ü'.repeat(2_000_000)
    const rows = await world.db.query(sql`select ${sql.param(tags)}::text[] as tags, length(${text}::text) as length`)
    expect(rows).toEqual([{ tags, length: 2_000_000 }])
  })

  it('are an empty list where there are none', async () => {
    expect(await world.db.query(sql`select 1 as one where false`)).toEqual([])
    expect(await world.db.query(sql`update things set name = name where false`)).toEqual([])
  })

  it('are right for a thousand different statements', async () => {
    for (let i = 0; i < 1_000; i++) {
      expect(await world.db.query(sql`select ${i}::int as ${sql.identifier(`column_${i}`)}`)).toEqual([
        { [`column${i}`]: i },
      ])
    }
  })

  it('follow a change of the schema under prepared statements', async () => {
    const own = await testDatabase({ poolMax: 1 })
    const { db } = own
    await db.query(sql`create table changing (a int)`)
    await db.query(sql`insert into changing values (1)`)
    const all = (on: Executor = db) => on.query(sql`select * from changing`)
    expect(await all()).toEqual([{ a: 1 }])
    await db.query(sql`alter table changing add column b text default 'new'`)
    expect(await all()).toEqual([{ a: 1, b: 'new' }])
    await db.query(sql`alter table changing drop column b`)
    // A transaction cannot go on after a failure: its caller is told to repeat it, which works.
    expect((await failureOf(db.transaction(all))).code).toBe('unavailable')
    expect(await db.transaction(all)).toEqual([{ a: 1 }])
    await own.drop()
  })
})

describe('the session', () => {
  it('has the settings of search and time', async () => {
    const rows = await world.db.query(sql`select current_setting('TimeZone') as zone, current_setting('jit') as jit,
      current_setting('hnsw.ef_search') as ef, current_setting('hnsw.iterative_scan') as scan`)
    expect(rows).toEqual([{ zone: 'UTC', jit: 'off', ef: '100', scan: 'relaxed_order' }])
  })
})

describe('errors', () => {
  const cases: [string, Parameters<TestDatabase['db']['query']>[0], string][] = [
    ['a duplicate', sql`insert into things values (1, 'twice'), (2, 'twice')`, 'conflict'],
    ['a missing reference', sql`insert into things values (3, 'lost', 99)`, 'conflict'],
    ['a null', sql`insert into things values (4, null)`, 'invalid_input'],
    ['a NUL byte', sql`select ${'a\u0000b'}::text`, 'invalid_input'],
    ['a wrong number', sql`select ${'abc'}::int`, 'invalid_input'],
    ['a number out of range', sql`select ${'99999999999999999999'}::bigint`, 'invalid_input'],
    ['a division by zero', sql`select 1 / ${0}::int`, 'invalid_input'],
    ['a wrong statement', sql`select from where`, 'internal'],
    ['a missing table', sql`select * from nowhere`, 'internal'],
  ]
  it.each(cases)('of %s have their code', async (_, statement, code) => {
    const error = await failureOf(world.db.query(statement))
    expect(error.code).toBe(code)
    expect(error.cause).toBeInstanceOf(DatabaseFailureError)
  })

  it('never hold a parameter, anywhere in the chain of causes', async () => {
    const marker = 'S3CRET-marker-77'
    const statements = [
      sql`insert into things values (10, ${marker}), (11, ${marker})`,
      sql`select ${marker}::int`,
      sql`select ${marker}::vector`,
      sql`select ${marker}::jsonb`,
      sql`select (${marker} || 'x')::timestamptz`,
      sql`insert into things values (12, ${marker}, 99)`,
      sql`select ${marker}::no_such_type`,
      sql`do $$ begin raise exception 'S3CRET-marker-77'; end $$`,
    ]
    for (const statement of statements) {
      for (const run of [
        () => world.db.query(statement),
        () => world.db.transaction((tx) => tx.query(statement)),
        () => world.db.tryExclusive('marker', (session) => session.query(statement)),
      ]) {
        const error = await failureOf(run())
        for (let link: unknown = error; link !== undefined; link = (link as Error).cause) {
          const all = `${JSON.stringify(link, Object.getOwnPropertyNames(link))} ${JSON.stringify(link)} ${String(link)}`
          expect(all).not.toContain('marker')
        }
      }
    }
  })

  it('name the constraint and the column', async () => {
    const error = await failureOf(world.db.query(sql`insert into things values (20, null)`))
    expect(error.message).toBe('the database refuses a value (things.name)')
  })

  it('leave the connection usable', async () => {
    await failureOf(world.db.query(sql`select 1 / 0`))
    expect(await world.db.query(sql`select 1 as one`)).toEqual([{ one: 1 }])
  })
})

describe('a transaction', () => {
  it('keeps all or nothing', async () => {
    const { db } = world
    await db.transaction((tx) => tx.query(sql`insert into things values (100, 'kept')`))
    const thrown = new Error('changed my mind')
    const undone = db.transaction(async (tx) => {
      await tx.query(sql`insert into things values (101, 'undone')`)
      throw thrown
    })
    await expect(undone).rejects.toBe(thrown)
    expect(await db.query(sql`select id from things where id in (100, 101)`)).toEqual([{ id: 100 }])
  })

  it('fails when it swallowed the failure of a statement', async () => {
    const { db } = world
    const swallowing = db.transaction(async (tx) => {
      await tx.query(sql`insert into things values (110, 'gone')`)
      await tx.query(sql`select 1 / 0`).catch(() => undefined)
    })
    expect((await failureOf(swallowing)).code).toBe('internal')
    expect(await db.query(sql`select id from things where id = 110`)).toEqual([])
  })

  it('is not used after its end', async () => {
    let leaked: Parameters<Parameters<typeof world.db.transaction>[0]>[0] | undefined
    await world.db.transaction(async (tx) => {
      leaked = tx
    })
    await expect((async () => leaked?.query(sql`select 1`))()).rejects.toThrow('after its end')
  })

  it('keeps out of the way of others at the same time', async () => {
    const { db } = world
    await db.query(sql`create table counters (id int primary key, n int not null)`)
    await db.query(sql`insert into counters values (1, 0)`)
    const add = () =>
      db.transaction(async (tx) => {
        const [row] = await tx.query<{ n: number }>(sql`select n from counters where id = 1 for update`)
        await tx.query(sql`update counters set n = ${(row?.n ?? 0) + 1} where id = 1`)
      })
    await Promise.all(Array.from({ length: 50 }, add))
    expect(await db.query(sql`select n from counters`)).toEqual([{ n: 50 }])
  })
})

describe('listening', () => {
  it('hears what is notified, once it is committed, until it stops', async () => {
    const { db } = world
    const heard: string[] = []
    let wake: () => void = () => undefined
    const stop = await db.listen('test_channel', {
      onNotify: (payload) => {
        heard.push(payload)
        wake()
      },
      onGap: () => heard.push('gap'),
    })
    const next = () =>
      new Promise<void>((resolve) => {
        wake = resolve
      })
    const first = next()
    await db.transaction((tx) => tx.query(sql`select pg_notify('test_channel', 'first')`))
    await first
    await failureOf(
      db.transaction(async (tx) => {
        await tx.query(sql`select pg_notify('test_channel', 'rolled back')`)
        await tx.query(sql`select 1 / 0`)
      }),
    )
    const second = next()
    await db.query(sql`select pg_notify('test_channel', 'second')`)
    await second
    await stop()
    await db.query(sql`select pg_notify('test_channel', 'unheard')`)
    expect(heard).toEqual(['first', 'second'])
  })
})

describe('an exclusive lock', () => {
  it('is held by one at a time and given back, also after a failure', async () => {
    const { db } = world
    const inner = await db.tryExclusive('one', async (session) => {
      expect(await db.tryExclusive('one', async () => 'never')).toBeNull()
      expect(await db.tryExclusive('other', async () => 'free')).toEqual({ value: 'free' })
      return session.query(sql`select 1 as one`)
    })
    expect(inner).toEqual({ value: [{ one: 1 }] })
    await expect(db.tryExclusive('one', () => Promise.reject(new Error('failed inside')))).rejects.toThrow(
      'failed inside',
    )
    expect(await db.tryExclusive('one', async () => 'again')).toEqual({ value: 'again' })
  })
})

describe('a statement that takes too long', () => {
  it('fails with timeout, has no effect, and the store goes on', async () => {
    const slow = await testDatabase({ statementTimeoutMs: 300 })
    await slow.db.query(sql`create table slow (n int)`)
    const endless = sql`insert into slow select count(*) from generate_series(1, 1000000000)`
    const startedAt = performance.now()
    expect((await failureOf(slow.db.query(endless))).code).toBe('timeout')
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    expect(await slow.db.query(sql`select * from slow`)).toEqual([])
    await slow.drop()
  })
})

describe('a stopped store', () => {
  it('finishes what runs and refuses what comes', async () => {
    const own = await testDatabase()
    const running = own.db.query(sql`select pg_sleep(0.1), 'done' as word`)
    const stopping = own.db.stop()
    expect(await running).toEqual([{ pgSleep: '', word: 'done' }])
    await stopping
    expect((await failureOf(own.db.query(sql`select 1`))).code).toBe('unavailable')
    await own.drop()
  })

  it(`is a store on ${engine}`, () => {
    expect(world.db.engine).toBe(engine)
  })
})
