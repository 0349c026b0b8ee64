import { TurboError } from '../../base/errors.ts'
import type { Executor } from '../../db/executor.ts'
import { retrying } from '../retry.ts'
import { canMove, ENDED, TASK_MOVES, type TaskStatus } from '../states.ts'
import { findTask, requestCancel, requeue, updateReported } from './queries.ts'
import { getTask, notFound } from './read.ts'
import type { Task, TaskReport } from './types.ts'

/** A report that finds another status than it read looks again this often. */
const LOOKS_MAX = 5

/**
 * Takes the report of an agent that runs a task by itself.
 *
 * @throws TurboError `not_found`; `conflict` for a move that the state table does not have, or a report on an ended task
 */
export async function report(db: Executor, taskId: string, input: TaskReport): Promise<Task> {
  for (let looked = 0; looked < LOOKS_MAX; looked += 1) {
    const task = await findTask(db, taskId)
    if (task === undefined) throw notFound(taskId)
    const from = task.status
    const status = input.status === from ? undefined : input.status
    if (status !== undefined && !canMove(from, status)) throw illegal(taskId, from, status)
    if (status === undefined && ENDED.includes(from)) throw ended(taskId, from)
    if (status === 'pending' && task.dependenciesLeft > 0) throw stillWaiting(taskId, task.dependenciesLeft)
    if (await retrying(() => updateReported(db, taskId, from, { ...input, status }))) return getTask(db, taskId)
  }
  throw new TurboError('unavailable', `task ${taskId} changes too fast`, { retryAfterSeconds: 1 })
}

/**
 * Cancels a task: at once where no worker runs it, else by asking its worker, which reads the request with its next
 * heartbeat. Cancelling twice is the same as once.
 *
 * @throws TurboError `not_found`, `conflict` when it is completed or failed
 */
export async function cancel(db: Executor, taskId: string): Promise<Task> {
  const done = await retrying(() => requestCancel(db, taskId))
  const task = await getTask(db, taskId)
  if (!done && task.status !== 'cancelled') throw ended(taskId, task.status)
  return task
}

/**
 * Puts an ended task, or one that a person or a review holds, back into the queue, with all its retries.
 *
 * @throws TurboError `not_found`, `conflict` when it waits or runs, or depends on a failed task whose failure cancels it
 */
export async function retry(db: Executor, taskId: string): Promise<Task> {
  const done = await retrying(() => requeue(db, taskId))
  const task = await getTask(db, taskId)
  if (done && task.status === 'cancelled') throw cancelledAgain(task)
  if (done) return task
  const waits = task.status === 'blocked' ? 'waits for other tasks' : `is ${task.status}`
  throw new TurboError('conflict', `task ${taskId} ${waits}: there is nothing to retry`, {
    next: 'Cancel it first to begin it anew, or see why_waiting.',
  })
}

function illegal(taskId: string, from: TaskStatus, to: TaskStatus): TurboError {
  return new TurboError('conflict', `task ${taskId} is ${from}, which cannot become ${to}`, {
    next: `It may become ${TASK_MOVES[from].join(', ')}.`,
  })
}

function cancelledAgain({ taskId, metadata, dependencies }: Task): TurboError {
  const parent = dependencies.find((dependency) => dependency.taskId === metadata.cancelled_by)
  const name = `task ${parent?.taskId}`
  return new TurboError('conflict', `task ${taskId} is cancelled again, as ${name} has not succeeded`, {
    next: `${parent?.status === null ? 'Create' : 'Retry'} ${name} first: then this one can wait for it.`,
  })
}

function ended(taskId: string, status: TaskStatus): TurboError {
  return new TurboError('conflict', `task ${taskId} is ${status} already`, {
    next: 'Retry it to run it again; its result stays as it was reported.',
  })
}

function stillWaiting(taskId: string, left: number): TurboError {
  return new TurboError('conflict', `task ${taskId} waits for ${left} other ${left === 1 ? 'task' : 'tasks'}`, {
    next: 'It is released by itself when they have ended; see its dependencies.',
  })
}
