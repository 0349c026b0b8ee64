import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answer, createAccess, type RepeatableRequest } from '../../src/access/index.ts'
import { TurboError } from '../../src/base/errors.ts'
import { createLog } from '../../src/base/log.ts'
import type { Executor } from '../../src/db/index.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'

let database: TestDatabase
let keys = 0

beforeAll(async () => {
  database = await testDatabase()
})

afterAll(() => database.drop())

/** A service of its own, as each process has one. */
function access(db: Executor = database.db, now: () => number = Date.now) {
  return createAccess({ db, log: createLog({ level: 'silent' }), now })
}

function request(changes: Partial<RepeatableRequest> = {}): RepeatableRequest {
  return {
    principal: { id: 'key:1', scopes: ['write'] },
    operation: 'addKnowledge',
    key: `k${++keys}`,
    input: { content: 'x' },
    ...changes,
  }
}

/** Work that counts how often it was done. */
function work(answer: Answer = { status: 201, body: '{"id":1}' }) {
  const counted = { runs: 0 }
  const run = async () => {
    counted.runs++
    return answer
  }
  return { counted, run }
}

/** What a process that was killed leaves behind: the row in flight, and time that passes. */
async function abandon(key: string): Promise<void> {
  await database.db.query(
    sql`update idempotency_keys set locked_until = now() - interval '1 second', status = null, body = null where key = ${key}`,
  )
}

test('the same key and input again is answered with the first answer', async () => {
  const { counted, run } = work()
  const again = request()
  expect(await access().once(again, run)).toEqual({ status: 201, body: '{"id":1}', replayed: false })
  expect(await access().once(again, run)).toEqual({ status: 201, body: '{"id":1}', replayed: true })
  expect(counted.runs).toBe(1)
})

test('another input is refused; another caller or operation is another key', async () => {
  const { counted, run } = work()
  const first = request()
  await access().once(first, run)
  await expect(access().once({ ...first, input: { content: 'y' } }, run)).rejects.toMatchObject({
    code: 'idempotency_key_reused',
  })
  await access().once({ ...first, principal: { id: 'key:2', scopes: [] } }, run)
  await access().once({ ...first, operation: 'patchKnowledge' }, run)
  expect(counted.runs).toBe(3)
})

test('of many at once one does the work, the others are told that it is at work', async () => {
  let finish: (answer: Answer) => void = () => undefined
  const answer = new Promise<Answer>((resolve) => {
    finish = resolve
  })
  let runs = 0
  const again = request()
  const calls = Array.from({ length: 20 }, () =>
    access().once(again, () => {
      runs++
      return answer
    }),
  )
  const outcomes = Promise.allSettled(calls)
  const refused = calls.map((call) => call.catch((error: unknown) => error))
  // Nineteen are refused while the first is still at work: only then may it finish.
  let told = 0
  await new Promise<void>((resolve) => {
    for (const call of refused) void call.then((outcome) => outcome instanceof Error && ++told === 19 && resolve())
  })
  finish({ status: 200, body: '{}' })
  const failures = (await outcomes).filter((outcome) => outcome.status === 'rejected')
  expect(runs).toBe(1)
  expect(failures).toHaveLength(19)
  for (const { reason } of failures) expect(reason).toMatchObject({ code: 'conflict', retryAfterSeconds: 1 })
})

test('work that failed has had no effect, so that a retry runs', async () => {
  const { counted, run } = work()
  const again = request()
  const failing = async () => {
    throw new TurboError('unavailable', 'away')
  }
  await expect(access().once(again, failing)).rejects.toMatchObject({ code: 'unavailable' })
  expect(await access().once(again, run)).toMatchObject({ replayed: false })
  expect(counted.runs).toBe(1)
})

test('what a killed process left in flight is taken over by the same request, not by another', async () => {
  const { counted, run } = work()
  const again = request()
  await access().once(again, run)
  await abandon(again.key)
  await expect(access().once({ ...again, input: 'other' }, run)).rejects.toMatchObject({
    code: 'idempotency_key_reused',
  })
  const takers = await Promise.allSettled(Array.from({ length: 5 }, () => access().once(again, run)))
  expect(counted.runs).toBe(2)
  expect(takers.some((taker) => taker.status === 'fulfilled' && !taker.value.replayed)).toBe(true)
})

test('an attempt that lost its row does not answer for the one that took it', async () => {
  const again = request()
  let finish: (answer: Answer) => void = () => undefined
  const answer = new Promise<Answer>((resolve) => {
    finish = resolve
  })
  let taker: Promise<Answer> | undefined
  const late = await access().once(again, async () => {
    await abandon(again.key)
    await new Promise<void>((entered) => {
      taker = access().once(again, () => {
        entered()
        return answer
      })
    })
    return { status: 200, body: '"late"' }
  })
  expect(late.body).toBe('"late"')
  await expect(access().once(again, work().run)).rejects.toMatchObject({ code: 'conflict' })
  finish({ status: 200, body: '"taker"' })
  expect(await taker).toMatchObject({ body: '"taker"', replayed: false })
  expect(await access().once(again, work().run)).toMatchObject({ body: '"taker"', replayed: true })
})

test('an answer that cannot be stored still reaches its caller', async () => {
  let down = false
  const db: Executor = {
    query: (statement) => (down ? Promise.reject(new TurboError('unavailable', 'away')) : database.db.query(statement)),
  }
  const again = request()
  const answer = await access(db).once(again, async () => {
    down = true
    return { status: 201, body: '{}' }
  })
  expect(answer).toEqual({ status: 201, body: '{}', replayed: false })
})

test('an answer too large to keep is not replayed as something else', async () => {
  const again = request()
  await access().once(again, work({ status: 200, body: 'x'.repeat(1_000_001) }).run)
  await expect(access().once(again, work().run)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('status 200'),
  })
})

test('an answer that holds stored text is not kept: a repetition reads it again', async () => {
  const { counted, run } = work({ status: 200, body: '{"content":"secret plan"}' })
  const again = request({ reread: async () => '{"content":"as it is now"}' })
  expect(await access().once(again, run)).toMatchObject({ body: '{"content":"secret plan"}', replayed: false })
  const rows = await database.db.query(sql`select * from idempotency_keys where key = ${again.key}`)
  expect(rows).toMatchObject([{ status: 200, body: null }])
  expect(await access().once(again, run)).toEqual({ status: 200, body: '{"content":"as it is now"}', replayed: true })
  const gone = async () => {
    throw new TurboError('not_found', 'erased')
  }
  await expect(access().once({ ...again, reread: gone }, run)).rejects.toMatchObject({ code: 'not_found' })
  expect(counted.runs).toBe(1)
})

test('expired answers are swept once a minute also when no request comes', async () => {
  const clock = { ms: 1_000_000 }
  const service = access(database.db, () => clock.ms)
  const expire = async () => {
    const old = request()
    await access().once(old, work().run)
    await database.db.query(sql`update idempotency_keys set expires_at = now() where key = ${old.key}`)
    return async () => (await database.db.query(sql`select 1 from idempotency_keys where key = ${old.key}`)).length
  }
  const first = await expire()
  await service.sweepIdempotency()
  expect(await first()).toBe(0)
  const second = await expire()
  clock.ms += 59_999
  await service.sweepIdempotency()
  expect(await second()).toBe(1)
  clock.ms += 1
  await service.sweepIdempotency()
  expect(await second()).toBe(0)
})

test('answers are kept for 24 hours and then swept, a bounded number at a time', async () => {
  const { counted, run } = work()
  const old = request()
  await access().once(old, run)
  const [kept] = await database.db.query<{ hours: number }>(
    sql`select round(extract(epoch from expires_at - now()) / 3600)::int as hours from idempotency_keys where key = ${old.key}`,
  )
  expect(kept?.hours).toBe(24)
  await database.db.query(sql`update idempotency_keys set expires_at = now() where key = ${old.key}`)
  await access().once(old, run)
  expect(counted.runs).toBe(2)
  await database.db.query(sql`update idempotency_keys set expires_at = now() where key = ${old.key}`)
  await access().once(request(), run)
  expect(await database.db.query(sql`select 1 from idempotency_keys where key = ${old.key}`)).toEqual([])
})
