import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Store } from '../../../src/db/index.ts'
import { createTasks } from '../../../src/orchestrator/tasks/create.ts'
import { createTaskQueue } from '../../../src/orchestrator/tasks/queue.ts'
import { type TestTasks, testTasks, WORKER } from '../../harness/tasks.ts'

let world: TestTasks
let peers: Store[]

beforeAll(async () => {
  world = await testTasks()
  peers = [world.db, await world.peer(), await world.peer()]
})

afterEach(() => world.empty())
afterAll(() => world.drop())

const peer = (at: number) => peers[at % peers.length] as Store
const task = (taskId: string, dependsOnTasks: string[] = []) => ({
  taskId,
  taskType: 't',
  taskDescription: 'x',
  dependsOnTasks,
})
const pointerOf = (index: number) => `/tasks/${index}`
const end = (db: Store, taskId: string) =>
  db.query(sql`update agent_tasks set status = 'completed' where task_id = ${taskId}`)

describe('at the same time', () => {
  it('ten parents that end release their dependents, each once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const parents = Array.from({ length: 10 }, (_, index) => `${round}-p${index}`)
      const children = Array.from({ length: 5 }, (_, index) => `${round}-c${index}`)
      await world.tasks.createBatch([...parents.map((id) => task(id)), ...children.map((id) => task(id, parents))])
      await Promise.all(parents.map((id, at) => end(peer(at), id)))
      expect(new Set(Object.values(await world.states(...children)))).toEqual(new Set(['pending']))
    }
    const released = await world.db.query(sql`
      select count(*) from agent_actions where action_description = 'blocked -> pending'`)
    expect(released).toEqual([{ count: 50 }])
  })

  it('a parent that ends while its dependents are inserted holds none of them', async () => {
    for (let round = 0; round < 40; round += 1) {
      await world.add({ taskId: `${round}-p` })
      const children = Array.from({ length: 4 }, (_, index) => `${round}-c${index}`)
      await Promise.all([
        ...children.map((id, at) => createTasks(peer(at), [task(id, [`${round}-p`])], { pointerOf })),
        end(peer(round), `${round}-p`),
      ])
      expect(new Set(Object.values(await world.states(...children)))).toEqual(new Set(['pending']))
    }
  })

  it('a parent that is made anew while its dependent is inserted is not taken for the one that was locked', async () => {
    await world.add({ taskId: 'p' })
    let inserting: Promise<unknown> = Promise.resolve()
    await peer(0).transaction(async (tx) => {
      await tx.query(sql`delete from agent_tasks where task_id = 'p'`)
      inserting = peer(1)
        .query(sql`insert into agent_tasks (task_id, task_type, task_description, depends_on_tasks)
          values ('c', 't', 'x', '{p}')`)
        .catch((error: unknown) => error)
      const waiting = sql`select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`
      await expect.poll(() => peer(2).query(waiting)).toHaveLength(1)
      await tx.query(sql`insert into agent_tasks (task_id, task_type, task_description) values ('p', 't', 'x')`)
    })
    expect(await inserting).toMatchObject({ message: expect.stringContaining('agent_tasks_dependency_exists') })
    expect(await world.states()).toEqual({ p: 'pending' })
  })

  it('runs that reserve share no dollar of a budget', async () => {
    const ids = Array.from({ length: 30 }, (_, index) => `r${index}`)
    await world.tasks.createBatch(ids.map((id) => task(id)))
    const claimed = await world.take(ids.length)
    const answers = await Promise.all(
      claimed.map(({ attemptId }, at) => createTaskQueue(peer(at)).reserve({ attemptId, amountUsd: 1, dayUsd: 9.5 })),
    )
    expect(answers.filter((shortage) => shortage === null)).toHaveLength(9)
  })

  it('a run that ends waits for its dependents before it writes what it did', async () => {
    const sessionId = await world.session('s')
    await world.add({ taskId: 'p', sessionId })
    await world.add({ taskId: 'd', sessionId, dependsOnTasks: ['p'] })
    const [{ attemptId } = { attemptId: '' }] = await world.take()
    const trail = { changedFiles: ['a'], commandsExecuted: [], leftOut: 0, commits: null }
    let ending: Promise<unknown> = Promise.resolve()
    await peer(0).transaction(async (tx) => {
      await tx.query(sql`update agent_tasks set current_step = 'x' where task_id = 'd'`)
      ending = createTaskQueue(peer(1)).finish({ attemptId, outcome: 'completed', trail })
      const waiting = sql`select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`
      await expect.poll(() => peer(2).query(waiting)).toHaveLength(1)
      // The chain of the session is still free: two that lock in different orders would wait for each other.
      await tx.query(
        sql`select count(*) from audit_append(array[${JSON.stringify({
          session_id: sessionId,
          action_type: 'note',
        })}::jsonb])`,
      )
    })
    expect(await ending).toMatchObject({ status: 'completed' })
    const written = await world.db.query(sql`select action_type from agent_actions where action_type = 'attempt_trail'`)
    expect(written).toHaveLength(1)
  })

  it('twenty workers take each task once, all of them', async () => {
    const ids = Array.from({ length: 400 }, (_, index) => `t${index}`)
    await world.tasks.createBatch(ids.map((id) => task(id)))
    const taken: string[] = []
    const work = async (at: number) => {
      const queue = createTaskQueue(peer(at))
      for (let empty = 0; empty < 3; ) {
        const claimed = await queue.claim({ ...WORKER, workerId: `w${at}`, limit: 1 + (at % 4) })
        empty = claimed.length === 0 ? empty + 1 : 0
        for (const { taskId, attemptId } of claimed) {
          taken.push(taskId)
          await queue.finish({ attemptId, outcome: 'completed' })
        }
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, at) => work(at)))
    expect(taken).toHaveLength(400)
    expect(new Set(taken).size).toBe(400)
    expect(new Set(Object.values(await world.states()))).toEqual(new Set(['completed']))
  })

  it('a concurrency key is never held more often than it allows', async () => {
    const keyed = Array.from({ length: 120 }, (_, index) => ({
      ...task(`k${index}`),
      concurrencyKey: `key ${index % 2}`,
      concurrencyLimit: 3,
      assignedToRole: index % 3 === 0 ? 'developer' : undefined,
    }))
    await world.tasks.createBatch(keyed)
    // Every insert of a lease counts those that are committed and its own, behind the lock of its key.
    await world.db.query(sql`create table most (key text, held bigint)`)
    await world.db.query(sql`create function note_held() returns trigger language plpgsql as $$ begin
      insert into most select concurrency_key, count(*) from task_leases group by 1; return null; end $$`)
    await world.db.query(sql`create trigger note_held after insert on task_leases
      for each statement execute function note_held()`)
    let done = 0
    const work = async (at: number) => {
      const queue = createTaskQueue(peer(at))
      while (done < keyed.length) {
        for (const { attemptId } of await queue.claim({ ...WORKER, workerId: `w${at}`, limit: 2 })) {
          await queue.finish({ attemptId, outcome: 'completed' })
          done += 1
        }
      }
    }
    await Promise.all(Array.from({ length: 12 }, (_, at) => work(at)))
    const held = await world.db.query(sql`select key, max(held) as held from most group by 1 order by 1`)
    expect(held).toEqual([
      { key: 'key 0', held: 3 },
      { key: 'key 1', held: 3 },
    ])
  })

  it('tasks with one dedupe key are one task', async () => {
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        createTasks(peer(at), [{ taskType: 't', taskDescription: 'x', dedupeKey: 'once' }], { pointerOf }),
      ),
    )
    expect(new Set(made.flat().map(({ taskId }) => taskId)).size).toBe(1)
    expect(made.flat().filter(({ duplicate }) => duplicate)).toHaveLength(19)
  })

  it('two changes that look harmless alone make no ring together', async () => {
    for (let round = 0; round < 15; round += 1) {
      const [a, b] = [`${round}-a`, `${round}-b`]
      await world.tasks.createBatch([task(a), task(b)])
      const relink = (db: Store, from: string, to: string) =>
        db.query(sql`update agent_tasks set depends_on_tasks = array[${to}] where task_id = ${from}`)
      const outcomes = await Promise.allSettled([relink(peer(0), a, b), relink(peer(1), b, a)])
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    }
  })
})

describe('order', () => {
  it('a task of priority 1 starts within 90 minutes under a stream of priority 10', async () => {
    await world.add({ taskId: 'old', taskPriority: 1 })
    const waited = (minutes: number) =>
      world.db.query(sql`update agent_tasks set queue_start = now() - make_interval(mins => ${minutes})
        where task_id = 'old'`)
    const streamed = async () => {
      await world.add({ taskPriority: 10 })
      await world.add({ taskPriority: 10 })
      return (await world.take(1)).map(({ taskId }) => taskId)
    }
    await waited(89)
    expect(await streamed()).not.toContain('old')
    await waited(91)
    // What came earlier than 90 minutes after it may still be first; of that there is only so much.
    expect([...(await streamed()), ...(await streamed()), ...(await streamed())]).toContain('old')
  })
})
