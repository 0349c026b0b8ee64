import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { reapLeases } from '../../../src/orchestrator/tasks/queue-queries.ts'
import { tokensIn } from '../../../src/orchestrator/tasks/usage.ts'
import { type TestTasks, testTasks } from '../../harness/tasks.ts'

let world: TestTasks

beforeAll(async () => {
  world = await testTasks()
})

beforeEach(async () => {
  await world.empty()
  await world.db.query(sql`delete from agent_sessions`)
  await world.session('s')
})

afterAll(() => world.drop())

/** 111 tokens and 0.1 $ of one model, and 1 token of another. */
const USED = {
  usage: {
    models: [
      { model: 'a', inputTokens: 1, outputTokens: 10, cacheReadTokens: 0, cacheWriteTokens: 100 },
      { model: null, inputTokens: 0, outputTokens: 0, cacheReadTokens: 1, cacheWriteTokens: 0 },
    ],
    costUsd: 0.1,
  },
  costUsd: 0.1,
}
const TOKENS = 112

const charged = async () =>
  (await world.db.query(sql`select tokens_used, cost_usd from agent_sessions where session_id = 's'`))[0]
const claimOne = async () => must((await world.take())[0], 'a task to claim')
const loseLeases = async () => {
  await world.db.query(sql`update task_leases set lease_until = now() - interval '1 second'`)
  await reapLeases(world.db, 100)
  await world.db.query(sql`update agent_tasks set run_after = null where status = 'pending'`)
}

describe('what runs used', () => {
  it('is added to the session of their tasks, whatever became of them, each run once', async () => {
    await world.add({ sessionId: 's', maxRetries: 1 })
    const failed = await claimOne()
    await world.queue.finish({ attemptId: failed.attemptId, outcome: 'failed', atOnce: true, ...USED })
    expect(await charged()).toEqual({ tokensUsed: TOKENS, costUsd: 0.1 })
    // As it is sent again by a worker that did not hear the answer.
    expect(await world.queue.finish({ attemptId: failed.attemptId, outcome: 'failed', ...USED })).toBeNull()
    await world.queue.fenced({ attemptId: failed.attemptId, endClass: 'crashed', ...USED })
    expect(await charged()).toEqual({ tokensUsed: TOKENS, costUsd: 0.1 })
    const completed = await claimOne()
    await world.queue.finish({ attemptId: completed.attemptId, outcome: 'completed', ...USED })
    expect(await charged()).toEqual({ tokensUsed: 2 * TOKENS, costUsd: 0.2 })
  })

  it('counts also where the run had lost its task, once', async () => {
    await world.add({ sessionId: 's' })
    const lost = await claimOne()
    await loseLeases()
    const next = await claimOne()
    expect(await world.queue.finish({ attemptId: lost.attemptId, outcome: 'completed', ...USED })).toBeNull()
    expect(await charged()).toEqual({ tokensUsed: 0, costUsd: 0 })
    for (const isFirst of [true, false]) {
      expect(await world.queue.fenced({ attemptId: lost.attemptId, endClass: 'fenced', ...USED })).toBe(isFirst)
    }
    await world.queue.finish({ attemptId: next.attemptId, outcome: 'completed', ...USED })
    expect(await charged()).toEqual({ tokensUsed: 2 * TOKENS, costUsd: 0.2 })
  })

  it('adds up when many runs of a session end at once, and it is changed meanwhile', async () => {
    for (let made = 0; made < 12; made += 1) await world.add({ sessionId: 's' })
    const claimed = await world.take(12)
    const ends = claimed.map(({ attemptId }) => world.queue.finish({ attemptId, outcome: 'completed', ...USED }))
    const changes = [1, 2, 3].map((n) => world.db.query(sql`update agent_sessions set title = ${`title ${n}`}`))
    await Promise.all([...ends, ...changes])
    expect(await charged()).toEqual({ tokensUsed: 12 * TOKENS, costUsd: 1.2 })
    expect(await world.db.query(sql`select sum(cost_usd) as cost from task_attempts`)).toEqual([{ cost: 1.2 }])
  })

  it('leaves a session alone that used nothing, and tasks without one', async () => {
    const alone = await world.add()
    await world.queue.finish({ attemptId: (await claimOne()).attemptId, outcome: 'completed', ...USED })
    expect(await world.tasks.get(alone)).toMatchObject({ status: 'completed', costUsd: 0.1 })
    await world.add({ sessionId: 's' })
    await world.queue.finish({ attemptId: (await claimOne()).attemptId, outcome: 'completed', usage: {} })
    expect(await charged()).toEqual({ tokensUsed: 0, costUsd: 0 })
  })

  it.each([
    [undefined, 0],
    [{ models: 'many' }, 0],
    [{ models: [null, { inputTokens: -1, outputTokens: '7', cacheReadTokens: 0.5 }] }, 7],
  ])('of %j is %i tokens', (usage, tokens) => {
    expect(tokensIn(usage as Record<string, unknown> | undefined)).toBe(tokens)
  })
})
