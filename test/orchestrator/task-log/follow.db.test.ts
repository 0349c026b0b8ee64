import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { createLog } from '../../../src/base/log.ts'
import type { LogEvent, TaskLog } from '../../../src/orchestrator/index.ts'
import { createTaskLog } from '../../../src/orchestrator/task-log/task-log.ts'
import { type TestTasks, testTasks } from '../../harness/tasks.ts'

const log = createLog({ level: 'silent' })

let world: TestTasks
let taskLog: TaskLog
/** Who listens for logs at the moment. */
let listening: number
let isDeaf: boolean

beforeAll(async () => {
  world = await testTasks()
})

beforeEach(async () => {
  await world.empty()
  listening = 0
  isDeaf = false
  const { db } = world
  const listen: typeof db.listen = async (channel, handlers) => {
    if (isDeaf) throw new Error('no connection to listen on')
    const unlisten = await db.listen(channel, handlers)
    listening += 1
    return async () => {
      listening -= 1
      await unlisten()
    }
  }
  taskLog = createTaskLog({ log, db: Object.assign(Object.create(db), { listen, query: db.query.bind(db) }) })
})

afterAll(() => world.drop())

const line = (seq: number) => ({ seq, kind: 'text' as const, body: `line ${seq}` })
const claimed = async () => must((await world.take())[0], 'a claimed task')

/** What is told next: the position of an entry, or the end. */
async function next(events: AsyncIterator<LogEvent>): Promise<string | undefined> {
  const { value } = (await events.next()) as { value: LogEvent | undefined }
  return value?.kind === 'end' ? value.status : value?.cursor
}

async function follow(taskId: string, cursor?: string, signal = new AbortController().signal) {
  return (await taskLog.follow(taskId, { cursor, signal }))[Symbol.asyncIterator]()
}

describe('who follows the log of a task', () => {
  it('is told what was said, what is said, at once, and the end', async () => {
    const taskId = await world.add()
    const { attemptId } = await claimed()
    await taskLog.append(attemptId, [line(1), line(2)])
    const events = await follow(taskId)
    expect([await next(events), await next(events)]).toEqual(['1.1', '1.2'])
    const startedAt = performance.now()
    for (let seq = 3; seq <= 8; seq += 1) {
      const told = next(events)
      await taskLog.append(attemptId, [line(seq)])
      expect(await told).toBe(`1.${seq}`)
    }
    const ended = next(events)
    await world.queue.finish({ attemptId, outcome: 'completed' })
    expect(await ended).toBe('completed')
    // By the clock alone it would have looked every two seconds.
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(await next(events)).toBeUndefined()
    expect(listening).toBe(0)
  })

  it('goes on behind a position, through more than a page, into the next run', async () => {
    const taskId = await world.add()
    const first = await claimed()
    await taskLog.append(
      first.attemptId,
      Array.from({ length: 100 }, (_, index) => line(index + 1)),
    )
    const events = await follow(taskId, '1.3')
    for (let seq = 4; seq <= 100; seq += 1) expect(await next(events)).toBe(`1.${seq}`)
    await world.queue.finish({ attemptId: first.attemptId, outcome: 'failed', atOnce: true })
    const second = await claimed()
    await taskLog.append(second.attemptId, [line(1)])
    expect(await next(events)).toBe('2.1')
    await world.queue.finish({ attemptId: second.attemptId, outcome: 'cancelled' })
    expect(await next(events)).toBe('cancelled')
    const again = await follow(taskId, '2.1')
    expect([await next(again), await next(again)]).toEqual(['cancelled', undefined])
  })

  it('hears of an end that nobody tells of, and without notifications', async () => {
    isDeaf = true
    const taskId = await world.add()
    const events = await follow(taskId)
    const ended = next(events)
    await world.db.query(sql`update agent_tasks set status = 'cancelled' where task_id = ${taskId}`)
    expect(await ended).toBe('cancelled')
  })

  it('leaves when it wants to, and nothing is left of it', async () => {
    const taskId = await world.add()
    const leaving = new AbortController()
    const [events, others] = [await follow(taskId, undefined, leaving.signal), await follow(taskId)]
    const told = next(events)
    const othersTold = next(others)
    leaving.abort()
    expect(await told).toBeUndefined()
    await world.tasks.cancel(taskId)
    expect(await othersTold).toBe('cancelled')
    await next(others)
    expect(listening).toBe(0)
  })

  it('learns at once of a task that is not there and of a position that is none', async () => {
    await expect(follow('none')).rejects.toMatchObject({ code: 'not_found' })
    await expect(follow(await world.add(), '1')).rejects.toMatchObject({ code: 'invalid_input' })
  })
})
