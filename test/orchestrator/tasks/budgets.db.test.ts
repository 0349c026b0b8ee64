import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type TestTasks, testTasks } from '../../harness/tasks.ts'

let world: TestTasks

beforeAll(async () => {
  world = await testTasks()
})

afterEach(() => world.empty())
afterAll(() => world.drop())

const addTasks = async (count: number, fields = {}) => {
  for (let index = 0; index < count; index += 1) await world.add({ taskId: `t${index}`, ...fields })
}

describe('a budget', () => {
  it('for three runs lets three of ten begin that start at once, and another one for what they have not used', async () => {
    await addTasks(10)
    const claimed = await world.take(10)
    const dayUsd = 3.5
    const reserve = ({ attemptId }: { attemptId: string }) => world.queue.reserve({ attemptId, amountUsd: 1, dayUsd })
    const answers = await Promise.all(claimed.map(reserve))
    const granted = claimed.filter((_, index) => answers[index] === null)
    const refused = claimed.filter((_, index) => answers[index] !== null)
    expect([granted.length, refused.length]).toEqual([3, 7])
    for (const answer of answers.filter((each) => each !== null)) {
      expect(answer).toEqual({ budget: 'day', limitUsd: 3.5, takenUsd: 3, waitSeconds: 30 })
    }
    const [first, second, third] = granted.map(({ attemptId }) => attemptId)
    const [next, last] = refused
    if (!first || !second || !third || !next || !last) throw new Error('ten tasks are claimed')
    await world.queue.finish({ attemptId: first, outcome: 'completed', usage: {}, costUsd: 0.25 })
    expect(await reserve(next)).toBeNull()
    expect(await reserve(last)).toMatchObject({ takenUsd: 3.25 })
    await world.queue.finish({ attemptId: second, outcome: 'completed', usage: {}, costUsd: 3 })
    expect(await reserve(last)).toMatchObject({ takenUsd: 5.25, waitSeconds: 600 })
  })

  it('of a day that can never hold a run makes nobody wait for the next day', async () => {
    await addTasks(1)
    const [{ attemptId } = { attemptId: '' }] = await world.take()
    expect(await world.queue.reserve({ attemptId, amountUsd: 60, dayUsd: 50 })).toEqual({
      ...{ budget: 'day', limitUsd: 50, takenUsd: 0, waitSeconds: null },
    })
  })

  it('keeps what a run used that failed and told no cost, and gets back what was set aside for one never begun', async () => {
    await addTasks(3)
    const [failed, unbegun, next] = (await world.take(3)).map(({ attemptId }) => attemptId)
    if (!failed || !unbegun || !next) throw new Error('three tasks are claimed')
    const reserve = (attemptId: string) => world.queue.reserve({ attemptId, amountUsd: 1, dayUsd: 2 })
    expect([await reserve(failed), await reserve(unbegun)]).toEqual([null, null])
    await world.queue.finish({ attemptId: failed, outcome: 'timed_out', failureClass: 'timeout', usage: {} })
    expect(await reserve(next)).toMatchObject({ takenUsd: 2 })
    await world.queue.finish({ attemptId: unbegun, outcome: 'failed', failureClass: 'not_started', usage: {} })
    expect(await reserve(next)).toBeNull()
  })

  it('gets back what was set aside for a run that is lost, and keeps what one used that told no cost', async () => {
    await addTasks(3)
    const [lost, silent, next] = (await world.take(3)).map(({ attemptId }) => attemptId)
    if (!lost || !silent || !next) throw new Error('three tasks are claimed')
    const reserve = (attemptId: string) => world.queue.reserve({ attemptId, amountUsd: 1, dayUsd: 2 })
    expect([await reserve(lost), await reserve(silent), await reserve(next)]).toMatchObject([null, null, {}])
    await world.queue.finish({ attemptId: silent, outcome: 'completed', usage: {} })
    expect(await reserve(next)).toMatchObject({ takenUsd: 2 })
    await world.db.query(
      sql`update task_leases set lease_until = now() - interval '1 s' where attempt_id = ${lost}::uuid`,
    )
    await world.take(0)
    expect(await reserve(next)).toBeNull()
  })

  it('of a task, and of a session, counts their own runs only, and what is spent is spent for good', async () => {
    await addTasks(2, { sessionId: await world.session('s') })
    await world.add({ taskId: 'other' })
    const claimed = await world.take(3)
    const attemptOf = (id: string) => claimed.find(({ taskId }) => taskId === id)?.attemptId ?? ''
    const limits = { amountUsd: 1, taskUsd: 1.5, sessionUsd: 2.5 }
    for (const id of ['t0', 't1', 'other'])
      expect(await world.queue.reserve({ attemptId: attemptOf(id), ...limits })).toBeNull()
    await world.queue.finish({ attemptId: attemptOf('t0'), outcome: 'failed', atOnce: true, usage: {}, costUsd: 1 })
    const [again] = await world.take()
    const attemptId = again?.attemptId ?? ''
    expect(await world.queue.reserve({ attemptId, ...limits })).toEqual({
      ...{ budget: 'task', limitUsd: 1.5, takenUsd: 1, waitSeconds: null },
    })
    const inSession = { attemptId, amountUsd: 1, sessionUsd: 2.5 }
    expect(await world.queue.reserve(inSession)).toEqual({
      ...{ budget: 'session', limitUsd: 2.5, takenUsd: 2, waitSeconds: 30 },
    })
  })
})

describe('a task that does not fit into a budget', () => {
  it('waits at no cost to its retries, and says for what', async () => {
    await addTasks(1)
    const [claimed] = await world.take()
    const attemptId = claimed?.attemptId ?? ''
    const errorMessage = 'the day may cost $1, of which $1 is spent or set aside'
    await world.queue.finish({
      ...{ attemptId, outcome: 'released', failureClass: 'no_budget', errorMessage, usage: {}, waitSeconds: 30 },
    })
    expect(await world.tasks.get('t0')).toMatchObject({
      ...{ status: 'pending', retryCount: 0, infraRetryCount: 0 },
      whyWaiting: expect.arrayContaining([{ reason: 'budget', detail: errorMessage }]),
    })
    expect(await world.take()).toEqual([])
  })
})
