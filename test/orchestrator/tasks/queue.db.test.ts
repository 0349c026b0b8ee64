import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { tick } from '../../../src/orchestrator/tasks/sweep.ts'
import { refusal } from '../../harness/knowledge.ts'
import { type TestTasks, testTasks, WORKER } from '../../harness/tasks.ts'

let world: TestTasks

beforeAll(async () => {
  world = await testTasks()
})

afterEach(() => world.empty())
afterAll(() => world.drop())

const ids = (claimed: { taskId: string }[]) => claimed.map(({ taskId }) => taskId)

/** Lets the clock of leases, schedules and limits run: everything that is due later is due `seconds` earlier. */
async function later(seconds: number): Promise<void> {
  const by = sql`make_interval(secs => ${seconds})`
  await world.db.query(sql`update task_leases set lease_until = lease_until - ${by}`)
  await world.db.query(sql`alter table agent_tasks disable trigger agent_tasks_row`)
  await world.db.query(sql`update agent_tasks set run_after = run_after - ${by}, deadline_at = deadline_at - ${by},
    created_at = created_at - ${by}, requeued_at = requeued_at - ${by}`)
  await world.db.query(sql`alter table agent_tasks enable trigger agent_tasks_row`)
}

const claimOne = async (fields = {}) => must((await world.take(1, fields))[0], 'a task to claim')
const rowOf = async (taskId: string) => world.tasks.get(taskId)

describe('claim', () => {
  it('gives the best tasks first, each once, with all a run needs', async () => {
    for (const taskPriority of [3, 9, 5, 10]) await world.add({ taskId: `p${taskPriority}`, taskPriority })
    expect(ids(await world.take(2))).toEqual(['p10', 'p9'])
    const [task] = await world.take(1, { workerId: 'w2', host: 'node', pid: 12 })
    expect(task).toMatchObject({ taskId: 'p5', attemptNumber: 1, timeoutSeconds: 300, inputData: {} })
    expect(await rowOf('p5')).toMatchObject({
      status: 'running',
      assignedWorkerId: 'w2',
      attemptCount: 1,
      attempts: [{ attemptId: task?.attemptId, workerId: 'w2', host: 'node', pid: 12, outcome: null }],
    })
    expect(ids(await world.take(5))).toEqual(['p3'])
    expect(await world.take(5)).toEqual([])
  })

  it('gives a worker only what it can run', async () => {
    await world.add({ taskId: 'any' })
    await world.add({ taskId: 'codex', assignedToPlatform: 'codex' })
    await world.add({ taskId: 'gemini', assignedToPlatform: 'gemini' })
    await world.add({ taskId: 'auditor', assignedToRole: 'auditor' })
    await world.add({ taskId: 'gpu', requiredCapabilities: ['gpu', 'docker'] })
    const able = async (fields: object) => {
      const claimed = await world.take(10, fields)
      for (const { attemptId } of claimed) await world.queue.release(attemptId)
      return ids(claimed).sort()
    }
    expect(await able({ platforms: ['codex'], roles: ['developer'] })).toEqual(['any', 'codex'])
    expect(await able({ platforms: ['claude_code'] })).toEqual(['any', 'auditor'])
    expect(await able({ platforms: ['gemini'], roles: [], capabilities: ['docker', 'gpu', 'net'] })).toEqual([
      'any',
      'gemini',
      'gpu',
    ])
    expect(await able({ platforms: ['gemini'], roles: [], capabilities: ['gpu'] })).toEqual(['any', 'gemini'])
  })

  it('a paused account keeps the tasks of its platform from its workers, and from nobody else', async () => {
    await world.add({ taskId: 'codex', assignedToPlatform: 'codex' })
    await world.add({ taskId: 'any' })
    await world.db.query(sql`insert into agent_accounts (account_key, platform, paused_until, reason)
      values ('one', 'codex', now() + interval '1 hour', 'weekly limit'), ('two', 'codex', null, null)`)
    const accounts = { codex: 'one' }
    expect(await world.take(5, { platforms: ['codex'], accounts })).toEqual([])
    expect(ids(await world.take(5, { platforms: ['codex', 'claude_code'], accounts }))).toEqual(['any'])
    expect(ids(await world.take(5, { platforms: ['codex'], accounts: { codex: 'two' } }))).toEqual(['codex'])
  })

  it('no more tasks of a concurrency key run at once than it allows', async () => {
    for (const index of [1, 2, 3]) await world.add({ taskId: `a${index}`, concurrencyKey: 'repo', concurrencyLimit: 2 })
    await world.add({ taskId: 'b', concurrencyKey: 'repo', concurrencyLimit: 2, assignedToRole: 'developer' })
    await world.add({ taskId: 'free', taskPriority: 1 })
    const claimed = await world.take(10)
    expect(ids(claimed)).toEqual(['a1', 'a2', 'free'])
    expect(await world.take(10)).toEqual([])
    await world.queue.finish({ attemptId: must(claimed[0], 'a1').attemptId, outcome: 'completed' })
    expect(ids(await world.take(10))).toEqual(['a3'])
  })

  it('the tasks of one session let those of others pass', async () => {
    await world.session('flood')
    await world.session('other')
    const flood = Array.from({ length: 20 }, (_, index) => ({ taskId: `f${index}`, sessionId: 'flood' }))
    await world.tasks.createBatch(flood.map((task) => ({ taskType: 't', taskDescription: 'x', ...task })))
    await world.add({ taskId: 'one', sessionId: 'other' })
    const order = ids(await world.take(21))
    expect(order.indexOf('one')).toBeLessThan(3)
  })

  it('a scheduled task waits for its time, which the next claim or the sweep sees', async () => {
    await world.add({ taskId: 'soon', runAfter: '2999-01-01T00:00:00Z' })
    expect(await world.take()).toEqual([])
    expect((await world.tasks.list({ ready: true })).tasks).toEqual([])
    await world.db.query(sql`update agent_tasks set run_after = now() + interval '1 hour' where task_id = 'soon'`)
    await later(3_601)
    await tick(world.db)
    expect(ids((await world.tasks.list({ ready: true })).tasks)).toEqual(['soon'])
    expect(ids(await world.take())).toEqual(['soon'])
  })
})

describe('a lease', () => {
  it('lives by heartbeats and ends with the run', async () => {
    const taskId = await world.add()
    const { attemptId } = await claimOne()
    await later(59)
    const beat = { workerId: 'w1', attemptIds: [attemptId], leaseSeconds: 60 }
    expect(await world.queue.heartbeat(beat)).toEqual([
      { attemptId, lost: false, renewed: true, cancelRequested: false },
    ])
    await later(59)
    await tick(world.db)
    expect(await world.states()).toEqual({ [taskId]: 'running' })
    const usage = { input_tokens: 5 }
    const end = { attemptId, outcome: 'completed' as const, outputData: { ok: 1 }, exitCode: 0, usage, costUsd: 0.25 }
    expect(await world.queue.finish(end)).toEqual({ taskId, status: 'completed', runAfter: null })
    expect(await rowOf(taskId)).toMatchObject({
      outputData: { ok: 1 },
      costUsd: 0.25,
      attempts: [{ outcome: 'completed', exitCode: 0, usage }],
    })
    expect(await world.queue.heartbeat(beat)).toEqual([
      { attemptId, lost: true, renewed: false, cancelRequested: false },
    ])
    // The same report again changes nothing.
    expect(await world.queue.finish({ ...end, outcome: 'failed' })).toBeNull()
    expect((await rowOf(taskId)).status).toBe('completed')
  })

  it('that runs out gives the task to another worker, and fences the first', async () => {
    const taskId = await world.add()
    const first = await claimOne()
    await later(61)
    // The claim reaps in passing; the task comes back after a pause.
    expect(await world.take()).toEqual([])
    expect(await rowOf(taskId)).toMatchObject({ status: 'pending', infraRetryCount: 1, retryCount: 0 })
    await later(13)
    await tick(world.db)
    const second = await claimOne({ workerId: 'w2' })
    expect(second).toMatchObject({ taskId, attemptNumber: 2 })
    expect(await world.queue.finish({ attemptId: first.attemptId, outcome: 'completed' })).toBeNull()
    expect(await world.queue.release(first.attemptId)).toBeNull()
    expect((await rowOf(taskId)).attempts.map(({ outcome }) => outcome)).toEqual([null, 'lease_expired'])
    expect(await world.queue.finish({ attemptId: second.attemptId, outcome: 'completed' })).not.toBeNull()
  })

  it('is lost when the task leaves running in any way', async () => {
    const taskId = await world.add()
    const { attemptId } = await claimOne()
    await world.db.query(sql`update agent_tasks set status = 'blocked' where task_id = ${taskId}`)
    expect(await world.queue.finish({ attemptId, outcome: 'completed' })).toBeNull()
    expect((await rowOf(taskId)).attempts).toMatchObject([{ outcome: 'released' }])
    expect(await world.db.query(sql`select from task_leases`)).toEqual([])
  })

  it('may run out only so often', async () => {
    const taskId = await world.add({ maxInfraRetries: 1 })
    for (const status of ['pending', 'failed']) {
      await claimOne()
      await later(61)
      await tick(world.db)
      expect((await rowOf(taskId)).status).toBe(status)
      await later(20)
      await tick(world.db)
    }
    expect((await rowOf(taskId)).errorMessage).toContain('lease')
  })
})

describe('retries', () => {
  it('a run that fails comes back after a growing pause, until its retries are used up', async () => {
    const taskId = await world.add({ maxRetries: 2 })
    const pauses: number[] = []
    for (const status of ['pending', 'pending', 'failed']) {
      const { attemptId } = await claimOne()
      const ended = await world.queue.finish({
        attemptId,
        outcome: 'failed',
        errorMessage: 'no',
        failureClass: 'tests',
      })
      expect(ended?.status).toBe(status)
      if (ended?.runAfter) pauses.push((Date.parse(ended.runAfter) - Date.now()) / 1000)
      await later(400)
      await tick(world.db)
    }
    expect(pauses[0]).toBeGreaterThan(5)
    expect(pauses[0]).toBeLessThan(13)
    expect(pauses[1]).toBeGreaterThan(14)
    expect(pauses[1]).toBeLessThan(26)
    expect(await rowOf(taskId)).toMatchObject({
      status: 'failed',
      retryCount: 3,
      infraRetryCount: 0,
      errorMessage: 'no',
    })
  })

  it('infrastructure has its own count, a hand back has none, and some failures are final', async () => {
    const taskId = await world.add()
    const infra = await claimOne()
    await world.queue.finish({ attemptId: infra.attemptId, outcome: 'failed', infrastructure: true })
    await later(20)
    await tick(world.db)
    const back = await claimOne()
    expect(await world.queue.release(back.attemptId)).toMatchObject({ status: 'pending' })
    expect(await rowOf(taskId)).toMatchObject({ retryCount: 0, infraRetryCount: 1, attemptCount: 2 })
    const final = await claimOne()
    const ended = await world.queue.finish({ attemptId: final.attemptId, outcome: 'failed', retry: false })
    expect(ended?.status).toBe('failed')
    await world.tasks.retry(taskId)
    expect(await rowOf(taskId)).toMatchObject({ status: 'pending', retryCount: 0, infraRetryCount: 0 })
    expect(await refusal(world.tasks.retry(taskId))).toMatchObject({ code: 'conflict' })
  })
})

describe('cancel', () => {
  it('ends what waits at once, and asks the worker of what runs', async () => {
    const [waiting, running] = [await world.add(), await world.add({ taskPriority: 9 })]
    const { attemptId } = await claimOne()
    expect(await world.tasks.cancel(waiting)).toMatchObject({ status: 'cancelled' })
    expect(await world.tasks.cancel(running)).toMatchObject({ status: 'running' })
    const beat = { workerId: 'w1', attemptIds: [attemptId], leaseSeconds: 60 }
    expect(await world.queue.heartbeat(beat)).toEqual([
      { attemptId, lost: false, renewed: true, cancelRequested: true },
    ])
    expect(await world.queue.finish({ attemptId, outcome: 'cancelled' })).toMatchObject({ status: 'cancelled' })
    expect(await world.tasks.cancel(running)).toMatchObject({ status: 'cancelled' })
  })

  it('holds when the worker is lost, hands back or fails instead', async () => {
    for (const leave of ['lost', 'release', 'fail', 'hold']) {
      const taskId = await world.add()
      const { attemptId } = await claimOne()
      await world.tasks.cancel(taskId)
      if (leave === 'lost') await later(61).then(() => tick(world.db))
      if (leave === 'release') await world.queue.release(attemptId)
      if (leave === 'fail') await world.queue.finish({ attemptId, outcome: 'failed' })
      if (leave === 'hold') await world.queue.finish({ attemptId, outcome: 'failed', hold: 'review' })
      expect((await rowOf(taskId)).status, leave).toBe('cancelled')
    }
  })

  it('a task that an agent reports on has no worker to ask', async () => {
    const taskId = await world.add()
    await world.tasks.report(taskId, { status: 'running' })
    expect(await world.tasks.cancel(taskId)).toMatchObject({ status: 'cancelled' })
    await world.tasks.retry(taskId)
    await world.tasks.report(taskId, { status: 'completed', outputData: { a: 1 } })
    expect(await refusal(world.tasks.cancel(taskId))).toMatchObject({ code: 'conflict' })
    expect(await refusal(world.tasks.report(taskId, { outputData: { a: 2 } }))).toMatchObject({ code: 'conflict' })
    expect(await refusal(world.tasks.cancel('nobody'))).toMatchObject({ code: 'not_found' })
  })
})

describe('time limits', () => {
  it.each([
    ['queueTimeoutSeconds', 31, 'pending', 'waited longer than 30 s in the queue'],
    ['totalTimeoutSeconds', 31, 'pending', 'not done within its total time of 30 s'],
    // Its worker is given the time to end it.
    ['totalTimeoutSeconds', 61, 'running', 'not done within its total time of 30 s'],
  ] as const)('%s: after %d s a task that is %s fails', async (limit, seconds, status, message) => {
    const taskId = await world.add({ [limit]: 30 })
    if (status === 'running') await claimOne()
    await later(seconds - 2)
    await tick(world.db)
    expect((await rowOf(taskId)).status).toBe(status)
    await later(2)
    await tick(world.db)
    expect(await rowOf(taskId)).toMatchObject({ status: 'failed', errorMessage: message })
  })

  it('a run that is too long is tried again, and its attempt says why it ended', async () => {
    const taskId = await world.add({ timeoutSeconds: 30, maxRetries: 1 })
    const { attemptId } = await claimOne({ leaseSeconds: 1_000 })
    await later(59)
    await tick(world.db)
    expect((await rowOf(taskId)).status).toBe('running')
    await later(2)
    await tick(world.db)
    expect(await rowOf(taskId)).toMatchObject({
      status: 'pending',
      retryCount: 1,
      attempts: [{ attemptId, outcome: 'timed_out' }],
    })
    expect(await world.queue.finish({ attemptId, outcome: 'completed' })).toBeNull()
  })

  it('each report of an agent that reports itself buys it another time', async () => {
    const taskId = await world.add({ timeoutSeconds: 30, maxRetries: 0 })
    await world.tasks.report(taskId, { status: 'running' })
    await later(29)
    await world.tasks.report(taskId, { progressPercentage: 50 })
    await later(29)
    await tick(world.db)
    expect((await rowOf(taskId)).status).toBe('running')
    await later(2)
    await tick(world.db)
    expect(await rowOf(taskId)).toMatchObject({ status: 'failed', errorMessage: 'ran longer than 30 s' })
  })

  it('the total time of a task that was put back counts anew', async () => {
    const taskId = await world.add({ totalTimeoutSeconds: 30 })
    await later(31)
    await tick(world.db)
    await world.tasks.retry(taskId)
    await tick(world.db)
    expect((await rowOf(taskId)).status).toBe('pending')
  })
})

describe('why_waiting', () => {
  const why = async (taskId: string) =>
    (await rowOf(taskId)).whyWaiting.map(({ reason, detail }) => `${reason}: ${detail}`)
  const worker = (platforms: string[], roles: string[] | null = null) =>
    world.db.query(sql`insert into workers (worker_id, platforms, roles)
      values (${`w-${platforms.join()}`}, ${sql.param(platforms)}::text[], ${sql.param(roles)}::text[])`)

  it('says every reason that there is', async () => {
    await worker(['claude_code', 'codex'], ['developer'])
    await world.add({ taskId: 'first', assignedToPlatform: 'codex' })
    await world.add({ taskId: 'second', assignedToPlatform: 'codex' })
    expect(await why('second')).toEqual(['queue: number 2 of the tasks that the same workers can run'])
    await world.add({ taskId: 'after', dependsOnTasks: ['first', 'second'] })
    expect(await why('after')).toEqual([
      'dependency: waits until first is completed; it is pending',
      'dependency: waits until second is completed; it is pending',
    ])
    await world.add({ taskId: 'unable', assignedToPlatform: 'gemini', assignedToRole: 'auditor' })
    expect(await why('unable')).toEqual([
      'no_worker: none of the 1 workers seen in the last minute has platform gemini, role auditor',
    ])
    await world.db.query(sql`update workers set platforms = '{command}'`)
    await world.add({ taskId: 'anyone' })
    expect(await why('anyone')).toEqual(['no_worker: none of the 1 workers seen in the last minute has an agent'])
    await world.db.query(sql`update workers set platforms = '{claude_code,codex}'`)
    await world.tasks.cancel('anyone')
    await world.add({ taskId: 'tomorrow', runAfter: '2999-01-01T00:00:00Z' })
    expect(await why('tomorrow')).toEqual(['run_after: may not start before 2999-01-01T00:00:00.000000Z'])
    await world.db.query(sql`insert into agent_accounts (account_key, platform, paused_until, reason)
      values ('one', 'codex', '2999-01-01', 'weekly limit')`)
    expect(await why('first')).toEqual([
      'account_paused: every account of codex is paused, the first until 2999-01-01T00:00:00.000000Z (weekly limit)',
    ])
    await world.db.query(sql`update agent_accounts set paused_until = null`)
    await world.add({ taskId: 'holder', concurrencyKey: 'repo', taskPriority: 10 })
    await world.add({ taskId: 'kept', concurrencyKey: 'repo' })
    await claimOne()
    expect(await why('kept')).toEqual(['concurrency: 1 at once with the key repo, which holder hold'])
    expect(await why('holder')).toEqual([])
    await world.db.query(sql`update agent_tasks set status = 'blocked', review_status = 'rejected',
      metadata = '{"blocked_reason": "review"}' where task_id = 'second'`)
    expect(await why('second')).toEqual(['review: held by a review (rejected)'])
    await world.db.query(sql`update workers set last_seen = now() - interval '2 minutes'`)
    expect(await why('first')).toEqual(['no_worker: no worker was seen in the last minute'])
  })
})

describe('attempts', () => {
  it('are listed newest first, page by page', async () => {
    const taskId = await world.add()
    for (let run = 0; run < 3; run += 1) await world.queue.release((await claimOne(WORKER)).attemptId)
    const first = await world.tasks.listAttempts(taskId, { limit: 2 })
    expect(first.attempts.map(({ attemptNumber }) => attemptNumber)).toEqual([3, 2])
    const rest = await world.tasks.listAttempts(taskId, { limit: 2, cursor: first.nextCursor ?? '' })
    expect(rest.attempts.map(({ attemptNumber, outcome }) => [attemptNumber, outcome])).toEqual([[1, 'released']])
    expect(rest.nextCursor).toBeNull()
    expect(await refusal(world.tasks.listAttempts('nobody', {}))).toMatchObject({ code: 'not_found' })
  })
})
