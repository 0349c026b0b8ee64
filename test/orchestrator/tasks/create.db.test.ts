import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { TaskInput } from '../../../src/orchestrator/tasks/types.ts'
import { refusal } from '../../harness/knowledge.ts'
import { type TestTasks, testTasks } from '../../harness/tasks.ts'

let world: TestTasks

beforeAll(async () => {
  world = await testTasks()
})

afterEach(() => world.empty())
afterAll(() => world.drop())

const task = (fields: Partial<TaskInput> = {}): TaskInput => ({ taskType: 't', taskDescription: 'x', ...fields })

describe('one task', () => {
  it('keeps what was said, and takes its project from the session', async () => {
    await world.session('s1')
    await world.db.query(sql`update agent_sessions set project = 'shop' where session_id = 's1'`)
    const given: TaskInput = {
      taskId: 'mine',
      taskType: 'review',
      taskDescription: 'look',
      sessionId: 's1',
      planId: 'p',
      taskPriority: 9,
      assignedToRole: 'developer',
      assignedToPlatform: 'codex',
      requiredCapabilities: ['gpu', 'docker'],
      requiredContext: { a_b: { cD: 1 } },
      inputData: { argv: ['x'] },
      verify: [{ argv: ['npm', 'test'] }],
      timeoutSeconds: 10,
      queueTimeoutSeconds: 20,
      stallTimeoutSeconds: 5,
      totalTimeoutSeconds: 60,
      maxRetries: 1,
      maxInfraRetries: 2,
      dedupeKey: 'k',
      concurrencyKey: 'repo',
      concurrencyLimit: 2,
      metadata: { x: 1 },
    }
    expect(await world.tasks.create(given)).toEqual({ taskId: 'mine', status: 'pending' })
    expect(await world.tasks.get('mine')).toMatchObject({
      ...given,
      project: 'shop',
      requiredCapabilities: ['docker', 'gpu'],
      status: 'pending',
      attempts: [],
      costUsd: 0,
    })
  })

  it('has the defaults of a row inserted by hand', async () => {
    const taskId = await world.add()
    expect(taskId).toMatch(/^task_[0-9a-f]{12}$/)
    await world.db.query(sql`insert into agent_tasks (task_id, task_type, task_description)
      values ('by-hand', 'analysis', 'look at it')`)
    const [made, byHand] = [await world.tasks.get(taskId), await world.tasks.get('by-hand')]
    const same = { taskId: '', createdAt: '', updatedAt: '', readyAt: '', whyWaiting: [] }
    expect({ ...made, ...same }).toEqual({ ...byHand, ...same })
  })

  it.each([
    [task({ sessionId: 'nobody' }), '/session_id', 'invalid_input'],
    [task({ dependsOnTasks: ['nobody'] }), '/depends_on_tasks/0', 'invalid_input'],
    [task({ dependencies: [{ taskId: 'nobody' }] }), '/dependencies/0/task_id', 'invalid_input'],
    [task({ taskId: 'a', dependsOnTasks: ['a'] }), '/depends_on_tasks', 'invalid_input'],
    [task({ taskId: 'taken' }), '/task_id', 'conflict'],
  ])('refuses what refers to nothing: %#', async (input, pointer, code) => {
    await world.add({ taskId: 'taken' })
    const refused = await refusal(world.tasks.create(input))
    expect(refused).toMatchObject({ code, errors: [expect.objectContaining({ pointer })] })
  })

  it('a dedupe key is answered with the live task that has it', async () => {
    const first = await world.tasks.create(task({ dedupeKey: 'nightly' }))
    expect(await world.tasks.create(task({ dedupeKey: 'nightly' }))).toEqual({ ...first, duplicate: true })
    await world.tasks.cancel(first.taskId)
    const second = await world.tasks.create(task({ dedupeKey: 'nightly' }))
    expect(second).toEqual({ taskId: expect.not.stringMatching(first.taskId), status: 'pending' })
  })

  it('the same seed makes the same task, once', async () => {
    const first = await world.tasks.create(task(), 'key 1')
    expect(await world.tasks.create(task(), 'key 1')).toEqual(first)
    expect((await world.tasks.create(task(), 'key 2')).taskId).not.toBe(first.taskId)
    const batch = await world.tasks.createBatch([task(), task()], 'key 3')
    expect(await world.tasks.createBatch([task(), task()], 'key 3')).toEqual(batch)
    expect((await world.tasks.list({})).tasks).toHaveLength(4)
  })
})

describe('a batch', () => {
  it('refers to its own ids in any order', async () => {
    const made = await world.tasks.createBatch([
      task({ taskId: 'c', dependsOnTasks: ['b', 'a'] }),
      task({ taskId: 'b', dependsOnTasks: ['a'] }),
      task({ taskId: 'a' }),
    ])
    expect(made).toEqual([
      { taskId: 'c', status: 'blocked' },
      { taskId: 'b', status: 'blocked' },
      { taskId: 'a', status: 'pending' },
    ])
  })

  it('names every wrong field by its pointer, and creates nothing', async () => {
    const refused = await refusal(
      world.tasks.createBatch([
        task({ taskId: 'a' }),
        task({ dependsOnTasks: ['a', 'nobody'] }),
        task({ sessionId: 'nobody' }),
      ]),
    )
    expect(refused).toMatchObject({
      code: 'invalid_input',
      errors: [
        { pointer: '/tasks/1/depends_on_tasks/1', detail: 'there is no task nobody' },
        { pointer: '/tasks/2/session_id', detail: 'there is no session nobody' },
      ],
    })
    const ring = await refusal(
      world.tasks.createBatch([
        task({ taskId: 'a', dependsOnTasks: ['b'] }),
        task({ taskId: 'b', dependsOnTasks: ['c'] }),
        task({ taskId: 'c', dependsOnTasks: ['a'] }),
      ]),
    )
    expect(ring).toMatchObject({ message: expect.stringContaining('a -> b -> c -> a') })
    expect(await world.states()).toEqual({})
  })

  it('edges to a duplicate go to the task that is there, with their policy', async () => {
    const there = await world.tasks.create(task({ dedupeKey: 'build' }))
    const made = await world.tasks.createBatch([
      task({ taskId: 'build-again', dedupeKey: 'build' }),
      task({ taskId: 'twice', dedupeKey: 'once' }),
      task({ taskId: 'thrice', dedupeKey: 'once' }),
      task({ taskId: 'test', dependencies: [{ taskId: 'build-again', after: 'end' }, { taskId: 'thrice' }] }),
    ])
    expect(made).toEqual([
      { ...there, duplicate: true },
      { taskId: 'twice', status: 'pending' },
      { taskId: 'twice', status: 'pending', duplicate: true },
      { taskId: 'test', status: 'blocked' },
    ])
    expect((await world.tasks.get('test')).dependencies).toEqual(
      [
        { taskId: there.taskId, after: 'end', onFailure: 'block', met: false, status: 'pending' },
        { taskId: 'twice', after: 'success', onFailure: 'block', met: false, status: 'pending' },
      ].sort((a, b) => a.taskId.localeCompare(b.taskId)),
    )
  })
})

describe('lists', () => {
  it('newest first, filtered, page by page', async () => {
    await world.session('s1')
    const ids: string[] = []
    for (let index = 0; index < 5; index += 1) {
      ids.push(await world.add({ sessionId: 's1', project: 'p', planId: 'plan', assignedToPlatform: 'codex' }))
    }
    await world.add({ project: 'other' })
    const pages: string[][] = []
    for (let cursor: string | undefined, more = true; more; ) {
      const page = await world.tasks.list({ project: 'p', limit: 2, cursor })
      pages.push(page.tasks.map(({ taskId }) => taskId))
      cursor = page.nextCursor ?? undefined
      more = cursor !== undefined
    }
    expect(pages.map((page) => page.length)).toEqual([2, 2, 1])
    expect(pages.flat()).toEqual([...ids].reverse())
    const count = async (filter: object) => (await world.tasks.list(filter)).tasks.length
    expect(await count({ sessionId: 's1', planId: 'plan', platform: 'codex', taskType: 'analysis' })).toBe(5)
    expect(await count({ status: ['blocked', 'running'] })).toBe(0)
    expect(await count({ status: ['pending'], role: 'nobody' })).toBe(0)
  })

  it('ready ones in the order in which they are claimed, page by page', async () => {
    await world.add({ taskId: 'low', taskPriority: 1 })
    await world.add({ taskId: 'late', runAfter: '2999-01-01T00:00:00Z', taskPriority: 10 })
    await world.add({ taskId: 'high', taskPriority: 10 })
    await world.add({ taskId: 'middle' })
    await world.add({ taskId: 'child', dependsOnTasks: ['high'] })
    const ready = { ready: true, limit: 2 }
    const first = await world.tasks.list(ready)
    const second = await world.tasks.list({ ...ready, cursor: first.nextCursor ?? '' })
    const listed = [...first.tasks, ...second.tasks].map(({ taskId }) => taskId)
    expect(listed).toEqual(['high', 'middle', 'low'])
    expect(second.nextCursor).toBeNull()
    expect((await world.take(5)).map(({ taskId }) => taskId).sort()).toEqual([...listed].sort())
    expect(await refusal(world.tasks.list({ cursor: first.nextCursor ?? '' }))).toMatchObject({ code: 'invalid_input' })
  })
})
