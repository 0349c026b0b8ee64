import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { repairDependencies } from '../../../src/orchestrator/tasks/sweep.ts'
import type { TaskInput } from '../../../src/orchestrator/tasks/types.ts'
import { refusal } from '../../harness/knowledge.ts'
import { type TestTasks, testTasks } from '../../harness/tasks.ts'

let world: TestTasks

beforeAll(async () => {
  world = await testTasks()
})

afterEach(() => world.empty())
afterAll(() => world.drop())

const end = (taskId: string, status: string) =>
  world.db.query(sql`update agent_tasks set status = ${status} where task_id = ${taskId}`)

/** Creates tasks given as `name: parents`, the ids being the names. */
async function graph(edges: Record<string, string[]>, fields: Record<string, Partial<TaskInput>> = {}) {
  await world.tasks.createBatch(
    Object.entries(edges).map(([taskId, dependsOnTasks]) => ({
      taskId,
      taskType: 'analysis',
      taskDescription: taskId,
      dependsOnTasks,
      ...fields[taskId],
    })),
  )
}

const reasonOf = async (taskId: string) => (await world.tasks.get(taskId)).blockedReason

describe('release', () => {
  it('comes in the statement that ends the last parent', async () => {
    await graph({ a: [], b: [], c: ['a', 'b'] })
    expect(await world.states()).toEqual({ a: 'pending', b: 'pending', c: 'blocked' })
    await end('a', 'completed')
    expect(await world.states('c')).toEqual({ c: 'blocked' })
    await end('b', 'completed')
    expect(await world.states('c')).toEqual({ c: 'pending' })
    expect((await world.tasks.get('c')).dependenciesLeft).toBe(0)
  })

  it('one statement that ends many parents releases what they all hold', async () => {
    await graph({ a: [], b: [], c: ['a', 'b'], d: ['b'] })
    await world.db.query(sql`update agent_tasks set status = 'completed' where task_id in ('a', 'b')`)
    expect(await world.states('c', 'd')).toEqual({ c: 'pending', d: 'pending' })
  })

  it('parents that have ended before the task was created hold nobody', async () => {
    await graph({ done: [], lost: [] })
    await end('done', 'completed')
    await end('lost', 'failed')
    const edges = (onFailure: 'skip' | 'cancel') => ({ dependencies: [{ taskId: 'lost', onFailure }] })
    const made = await world.tasks.createBatch([
      { taskId: 'free', taskType: 't', taskDescription: 'x', dependsOnTasks: ['done'] },
      { taskId: 'stuck', taskType: 't', taskDescription: 'x', dependsOnTasks: ['done', 'lost'] },
      { taskId: 'skipped', taskType: 't', taskDescription: 'x', ...edges('skip') },
      { taskId: 'dropped', taskType: 't', taskDescription: 'x', ...edges('cancel') },
    ])
    expect(made.map(({ status }) => status)).toEqual(['pending', 'blocked', 'cancelled', 'cancelled'])
    expect(await reasonOf('stuck')).toBe('dependency_failed')
  })

  it('tells workers once that something may be claimed', async () => {
    const heard: string[] = []
    const unlisten = await world.db.listen('task_ready', {
      onNotify: (text) => heard.push(text),
      onGap: () => undefined,
    })
    let rang: () => void = () => undefined
    const bell = new Promise<void>((resolve) => {
      rang = resolve
    })
    const unlistenBell = await world.db.listen('test_bell', { onNotify: () => rang(), onGap: () => undefined })
    await graph({ a: [], b: ['a'], c: ['a'] })
    await end('a', 'completed')
    await world.db.query(sql`update agent_tasks set current_step = 'x' where task_id = 'b'`)
    await world.db.query(sql`select pg_notify('test_bell', '')`)
    await bell
    expect(heard).toEqual(['', ''])
    await Promise.all([unlisten(), unlistenBell()])
  })
})

describe('policies', () => {
  it('a failed parent blocks, skips or cancels, and what was skipped counts as done', async () => {
    await graph(
      {
        a: [],
        blocked: ['a'],
        ended: [],
        skipped: [],
        cancelled: [],
        behindSkip: ['skipped'],
        behindCancel: ['cancelled'],
      },
      {
        ended: { dependencies: [{ taskId: 'a', after: 'end' }] },
        skipped: { dependencies: [{ taskId: 'a', onFailure: 'skip' }] },
        cancelled: { dependencies: [{ taskId: 'a', onFailure: 'cancel' }] },
      },
    )
    await end('a', 'failed')
    expect(await world.states()).toEqual({
      a: 'failed',
      blocked: 'blocked',
      ended: 'pending',
      skipped: 'cancelled',
      cancelled: 'cancelled',
      behindSkip: 'pending',
      behindCancel: 'blocked',
    })
    expect((await world.tasks.get('skipped')).metadata).toMatchObject({ skipped: true, cancelled_by: 'a' })
    expect((await world.tasks.get('behindCancel')).whyWaiting).toEqual([
      { reason: 'dependency_failed', detail: 'cancelled is cancelled; a retry of it lets this task wait again' },
    ])
  })

  it('a chain of a thousand is cancelled from its head', { timeout: 120_000 }, async () => {
    const chain = Array.from({ length: 1_000 }, (_, index) => ({
      taskId: `c${index}`,
      taskType: 't',
      taskDescription: 'x',
      dependencies: index === 0 ? [] : [{ taskId: `c${index - 1}`, onFailure: 'cancel' as const }],
    }))
    await world.tasks.createBatch(chain)
    await end('c0', 'failed')
    const counts = await world.db.query(sql`select status, count(*) from agent_tasks group by 1 order by 1`)
    expect(counts).toEqual([
      { status: 'cancelled', count: 999 },
      { status: 'failed', count: 1 },
    ])
  })

  it('a parent that is tried again makes its dependents wait again, unless they have started', async () => {
    await graph({ a: [], waiting: ['a'], started: ['a'], stuck: ['a', 'b'], b: [] })
    await end('a', 'completed')
    await end('started', 'running')
    await end('b', 'failed')
    expect(await reasonOf('stuck')).toBe('dependency_failed')
    await world.tasks.retry('a')
    await world.tasks.retry('b')
    expect(await world.states('waiting', 'started', 'stuck')).toEqual({
      waiting: 'blocked',
      started: 'running',
      stuck: 'blocked',
    })
    expect(await reasonOf('stuck')).toBe('dependencies')
    expect((await world.tasks.get('stuck')).dependenciesLeft).toBe(2)
    // What runs is handed back: its parent is not done any more.
    await end('started', 'pending')
    expect(await world.states('started')).toEqual({ started: 'blocked' })
  })

  it('a person holds a task that its dependencies let go', async () => {
    await graph({ a: [], b: ['a'] })
    await world.db.query(sql`update agent_tasks set metadata = '{"blocked_reason": "person"}' where task_id = 'b'`)
    await end('a', 'completed')
    expect(await reasonOf('b')).toBe('person')
    await world.tasks.retry('b')
    expect(await world.states('b')).toEqual({ b: 'pending' })
  })

  it('a deleted parent has failed', async () => {
    await graph({ a: [], b: ['a'] })
    await world.db.query(sql`delete from agent_tasks where task_id = 'a'`)
    const task = await world.tasks.get('b')
    expect([task.status, task.blockedReason]).toEqual(['blocked', 'dependency_failed'])
    expect(task.whyWaiting).toEqual([{ reason: 'dependency_failed', detail: 'a was deleted' }])
  })
})

describe('a task that waits again', () => {
  const afterA = (onFailure: 'block' | 'cancel') => ({ dependencies: [{ taskId: 'a', onFailure }] })

  it('is held to its policies as they are by then', async () => {
    await graph({ a: [], b: [], c: [] }, { b: afterA('cancel'), c: afterA('block') })
    await end('a', 'completed')
    await world.db.query(sql`update agent_tasks set status = 'running' where task_id in ('b', 'c')`)
    await end('a', 'pending')
    await end('a', 'failed')
    expect(await world.states('b', 'c')).toEqual({ b: 'running', c: 'running' })
    await world.db.query(sql`update agent_tasks set status = 'pending' where task_id in ('b', 'c')`)
    expect(await world.states('b', 'c')).toEqual({ b: 'cancelled', c: 'blocked' })
    expect(await reasonOf('c')).toBe('dependency_failed')
  })

  it('cannot be retried past the parent whose failure cancelled it', async () => {
    await graph({ a: [], b: [] }, { b: afterA('cancel') })
    await end('a', 'failed')
    expect(await refusal(world.tasks.retry('b'))).toMatchObject({
      code: 'conflict',
      next: expect.stringContaining('Retry task a'),
    })
    await world.tasks.retry('a')
    expect((await world.tasks.retry('b')).status).toBe('blocked')
    await end('a', 'completed')
    expect(await world.states('b')).toEqual({ b: 'pending' })
  })

  it('waits for its dependencies when the person who holds it lets it go', async () => {
    await graph({ a: [], lost: [], b: ['a'], c: ['lost'] })
    await world.db.query(sql`
      update agent_tasks set metadata = metadata || '{"blocked_reason": "person"}' where task_id in ('b', 'c')`)
    await end('lost', 'failed')
    expect([await reasonOf('b'), await reasonOf('c')]).toEqual(['person', 'person'])
    await world.tasks.retry('b')
    await world.tasks.retry('c')
    expect([await reasonOf('b'), await reasonOf('c')]).toEqual(['dependencies', 'dependency_failed'])
  })
})

describe('a task with the id of a deleted one', () => {
  it('is waited for by what depended on that', async () => {
    await graph({ a: [], b: ['a'], c: [] }, { c: { dependencies: [{ taskId: 'a', after: 'end' }] } })
    await world.db.query(sql`delete from agent_tasks where task_id = 'a'`)
    expect(await world.states('b', 'c')).toEqual({ b: 'blocked', c: 'pending' })
    await graph({ a: [] })
    expect(await world.states('b', 'c')).toEqual({ b: 'blocked', c: 'blocked' })
    expect(await reasonOf('b')).toBe('dependencies')
    await end('a', 'completed')
    expect(await world.states('b', 'c')).toEqual({ b: 'pending', c: 'pending' })
  })

  it('closes no ring', async () => {
    await graph({ a: [], b: ['a'], c: ['b'] })
    await world.db.query(sql`delete from agent_tasks where task_id = 'a'`)
    expect(await refusal(graph({ a: ['c'] }))).toMatchObject({
      message: expect.stringContaining('agent_tasks_no_cycle'),
    })
    expect(await world.states()).toEqual({ b: 'blocked', c: 'blocked' })
  })
})

describe('edges by plain SQL', () => {
  const insert = (...rows: [string, string[]][]) =>
    world.db.query(sql`insert into agent_tasks (task_id, task_type, task_description, depends_on_tasks)
      select r->>0, 't', 'x', array(select jsonb_array_elements_text(r->1))
      from jsonb_array_elements(${JSON.stringify(rows)}::jsonb) r`)

  it('an insert behaves like a verb, in any order, with repeated parents', async () => {
    await insert(['c', ['a', 'b', 'a']], ['b', ['a']], ['a', []])
    expect(await world.states()).toEqual({ c: 'blocked', b: 'blocked', a: 'pending' })
    expect((await world.tasks.get('c')).dependencies.map(({ taskId }) => taskId)).toEqual(['a', 'b'])
    await end('a', 'completed')
    await end('b', 'completed')
    expect(await world.states('c')).toEqual({ c: 'pending' })
  })

  it.each([
    ['a parent that is not there', [['a', ['nobody']]], 'agent_tasks_dependency_exists'],
    [
      'a ring',
      [
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['a']],
        ['d', ['a']],
      ],
      'agent_tasks_no_cycle',
    ],
  ] satisfies [string, [string, string[]][], string][])('refuses %s', async (_, rows, rule) => {
    expect(await refusal(insert(...rows))).toMatchObject({ code: 'conflict', message: expect.stringContaining(rule) })
    expect(await world.states()).toEqual({})
  })

  it('a change of depends_on_tasks makes and removes edges, and refuses a ring', async () => {
    await graph({ a: [], b: ['a'], c: ['b'] })
    const relink = (taskId: string, parents: string[]) =>
      world.db.query(
        sql`update agent_tasks set depends_on_tasks = ${sql.param(parents)}::text[] where task_id = ${taskId}`,
      )
    expect(await refusal(relink('a', ['c']))).toMatchObject({
      message: expect.stringContaining('agent_tasks_no_cycle'),
    })
    await relink('b', [])
    expect(await world.states()).toEqual({ a: 'pending', b: 'pending', c: 'blocked' })
    await relink('a', ['c'])
    expect(await world.states()).toEqual({ a: 'blocked', b: 'pending', c: 'blocked' })
  })
})

describe('repair', () => {
  it('mends counters and statuses that something has put wrong', async () => {
    await graph({ a: [], b: ['a'], c: ['a'], d: ['c'], e: ['a'] })
    const repair = async () => {
      const blocked = await repairDependencies(world.db, { status: 'blocked', afterSeq: 0 })
      const pending = await repairDependencies(world.db, { status: 'pending', afterSeq: 0 })
      return blocked.mended + pending.mended
    }
    expect(await repair()).toBe(0)
    await world.db.query(sql`alter table agent_tasks disable trigger agent_tasks_updated`)
    await end('a', 'completed')
    await world.db.query(sql`alter table agent_tasks enable trigger agent_tasks_updated`)
    await world.db.query(sql`update agent_tasks set dependencies_left = 7 where task_id = 'd'`)
    await world.db.query(sql`delete from task_dependencies where task_id = 'e'`)
    expect(await repair()).toBe(4)
    expect(await world.states()).toEqual({ a: 'completed', b: 'pending', c: 'pending', d: 'blocked', e: 'pending' })
    expect((await world.tasks.get('d')).dependenciesLeft).toBe(1)
    expect(await repair()).toBe(0)
  })
})
