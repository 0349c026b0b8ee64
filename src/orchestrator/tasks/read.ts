import { TurboError } from '../../base/errors.ts'
import type { Executor } from '../../db/executor.ts'
import { isMomentAndId, readCursor, writeCursor } from '../cursor.ts'
import {
  attemptsOf,
  dependenciesOf,
  findTask,
  listTasks,
  type PagePosition,
  queueFacts,
  type TaskRow,
} from './queries.ts'
import type { Attempt, Dependency, ListTasksInput, Task, TaskPage, WaitingReason } from './types.ts'
import { AHEAD_MAX, whyBlocked, whyQueued } from './why.ts'

const PAGE_TASKS_DEFAULT = 50
/** Edges and runs that one task shows. */
const DEPENDENCIES_MAX = 1_000
const ATTEMPTS_SHOWN_MAX = 20
const PAGE_ATTEMPTS_DEFAULT = 50

/** A task with its dependencies, its latest runs, and why it waits. @throws TurboError `not_found` */
export async function getTask(db: Executor, taskId: string): Promise<Task> {
  const row = await findTask(db, taskId)
  if (row === undefined) throw notFound(taskId)
  const dependencies = await dependenciesOf(db, taskId, DEPENDENCIES_MAX)
  const attempts = await attemptsOf(db, taskId, null, ATTEMPTS_SHOWN_MAX)
  return { ...row, dependencies, attempts, whyWaiting: await whyWaiting(db, row, dependencies) }
}

async function whyWaiting(db: Executor, row: TaskRow, dependencies: Dependency[]): Promise<WaitingReason[]> {
  if (row.status === 'blocked') return whyBlocked(row, dependencies)
  if (row.status !== 'pending') return []
  const facts = await queueFacts(db, row.taskId, AHEAD_MAX)
  return facts === undefined ? [] : whyQueued(row, facts)
}

/** A page of tasks, newest first or, with `ready`, in the order in which they will be claimed. */
export async function list(db: Executor, input: ListTasksInput): Promise<TaskPage> {
  const { limit = PAGE_TASKS_DEFAULT, cursor, ...filter } = input
  const ready = filter.ready ?? false
  const rows = await listTasks(db, filter, cursor === undefined ? null : positionOf(cursor, ready), limit)
  const last = rows.at(-1)
  const next = ready ? writeCursor('ready', [last?.taskSeq, last?.queueRank]) : writeCursor('tasks', [last?.taskSeq])
  return {
    tasks: rows.map(({ taskSeq: _, queueRank: __, more: ___, ...task }) => task),
    nextCursor: last?.more ? next : null,
  }
}

function positionOf(cursor: string, ready: boolean): PagePosition {
  if (!ready) return { seq: readCursor('tasks', cursor, isNumber)[0] }
  const [seq, rank] = readCursor('ready', cursor, isNumberAndMoment)
  return { seq, rank }
}

function isNumber(position: readonly unknown[]): position is [number] {
  return position.length === 1 && Number.isSafeInteger(position[0])
}

function isNumberAndMoment(position: readonly unknown[]): position is [number, string] {
  const [seq, moment] = position
  return position.length === 2 && Number.isSafeInteger(seq) && isMomentAndId([moment, ''])
}

/** The runs of a task, newest first. @throws TurboError `not_found` */
export async function listAttempts(
  db: Executor,
  taskId: string,
  { limit = PAGE_ATTEMPTS_DEFAULT, cursor }: { limit?: number; cursor?: string },
): Promise<{ attempts: Attempt[]; nextCursor: string | null }> {
  const below = cursor === undefined ? null : readCursor('attempts', cursor, isNumber)[0]
  const rows = await attemptsOf(db, taskId, below, limit + 1)
  if (rows.length === 0 && (await findTask(db, taskId)) === undefined) throw notFound(taskId)
  const attempts = rows.slice(0, limit)
  const last = attempts.at(-1)
  const more = rows.length > limit && last !== undefined
  return { attempts, nextCursor: more ? writeCursor('attempts', [last.attemptNumber]) : null }
}

export function notFound(taskId: string): TurboError {
  return new TurboError('not_found', `there is no task ${taskId}`, { next: 'List tasks to see which ids exist.' })
}
