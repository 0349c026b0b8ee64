import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isTurboError } from '../../../src/base/errors.ts'
import { canMove, ENDED, TASK_MOVES, TASK_STATUSES, type TaskStatus } from '../../../src/orchestrator/states.ts'
import { refusal } from '../../harness/knowledge.ts'
import { type TestTasks, testTasks } from '../../harness/tasks.ts'

let world: TestTasks

beforeAll(async () => {
  world = await testTasks()
})

afterAll(() => world.drop())

const pairs = TASK_STATUSES.flatMap((from) =>
  TASK_STATUSES.filter((to) => to !== from).map((to) => [from, to] as const),
)

/** A task that plain SQL has put into a status. */
async function taskIn(status: TaskStatus): Promise<string> {
  const taskId = `in-${status}-${Math.random().toString(36).slice(2)}`
  await world.db.query(sql`insert into agent_tasks (task_id, task_type, task_description, status)
    values (${taskId}, 'analysis', 'x', ${status})`)
  return taskId
}

describe('the table of moves', () => {
  it('is the same in the database', async () => {
    for (const from of TASK_STATUSES) {
      const [row] = await world.db.query<{ moves: string[] }>(sql`select task_moves(${from}) as moves`)
      expect([...(row?.moves ?? [])].sort()).toEqual([...TASK_MOVES[from]].sort())
    }
  })

  it.each(pairs)('%s to %s, by plain SQL and by report', async (from, to) => {
    const move = (taskId: string) =>
      world.db.query(sql`update agent_tasks set status = ${to} where task_id = ${taskId}`)
    const [byHand, byReport] = [await taskIn(from), await taskIn(from)]
    if (canMove(from, to)) {
      await move(byHand)
      await world.tasks.report(byReport, { status: to })
      expect(await world.states(byHand, byReport)).toEqual({ [byHand]: to, [byReport]: to })
      return
    }
    expect(isTurboError(await refusal(move(byHand)), 'conflict')).toBe(true)
    const refused = await refusal(world.tasks.report(byReport, { status: to }))
    expect(refused).toMatchObject({ code: 'conflict', message: expect.stringContaining(`is ${from}`) })
    expect((refused as { next: string }).next).toContain(TASK_MOVES[from][0])
    expect(await world.states(byHand, byReport)).toEqual({ [byHand]: from, [byReport]: from })
  })

  it.each(TASK_STATUSES)('a task that becomes %s says since when', async (status) => {
    const taskId = await taskIn(status)
    const task = await world.tasks.get(taskId)
    expect(task.completedAt !== null).toBe(ENDED.includes(status))
    expect(task.startedAt !== null).toBe(status === 'running')
    expect(task.readyAt !== null).toBe(status === 'pending')
    expect(task.progressPercentage).toBe(status === 'completed' ? 100 : 0)
    expect(task.blockedReason).toBe(status === 'blocked' ? 'person' : null)
  })

  it('each move is in the audit trail of its session, by plain SQL too', async () => {
    const sessionId = await world.session('audited')
    const taskId = await world.add({ sessionId })
    await world.db.query(sql`update agent_tasks set status = 'running' where task_id = ${taskId}`)
    await world.db.query(sql`update agent_tasks set current_step = 'half' where task_id = ${taskId}`)
    await world.db.query(sql`update agent_tasks set status = 'failed' where task_id = ${taskId}`)
    await world.db.query(sql`delete from agent_tasks where task_id = ${taskId}`)
    const rows = await world.db.query(sql`
      select action_type, action_description, success from agent_actions where task_id = ${taskId} order by seq`)
    expect(rows).toEqual([
      { actionType: 'task_created', actionDescription: 'analysis task of priority 5', success: true },
      { actionType: 'task_status', actionDescription: 'pending -> running', success: true },
      { actionType: 'task_status', actionDescription: 'running -> failed', success: false },
      { actionType: 'task_deleted', actionDescription: 'deleted while failed', success: true },
    ])
  })
})
