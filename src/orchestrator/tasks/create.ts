import { type FieldError, isTurboError, TurboError } from '../../base/errors.ts'
import type { Database, Executor } from '../../db/executor.ts'
import { canRepeat } from '../../db/index.ts'
import { hexDigits } from '../ids.ts'
import { retrying } from '../retry.ts'
import { graphErrors, inOrder } from './graph.ts'
import { findKnown, insertTasks, type Known, statusesOf, type TaskRecord } from './queries.ts'
import type { CreatedTask, TaskInput } from './types.ts'

/** More than this many wrong fields help nobody. */
const ERRORS_MAX = 20
const ID_DIGITS = 12

/** How a batch is to be read. */
export interface CreateOptions {
  /** The field of a task, from the root of the caller's input: `/tasks/3`, or nothing for a single one. */
  pointerOf: (index: number) => string
  /** Where ids come from that the caller does not give: the same seed gives the same ids, so that a repeated request
   * finds what the first one made. Random when absent. */
  seed?: string
}

type Policies = TaskRecord['dependencyPolicies']

interface Named {
  input: TaskInput
  taskId: string
  parents: string[]
  /** By parent; only where it is not the usual one. */
  policies: Policies
}

/**
 * Creates tasks, all or none, which may refer to each other in any order. Answers in the order of `inputs`.
 *
 * @throws TurboError `invalid_input` naming every wrong field (the first 20), `conflict` when an id is taken
 */
export async function createTasks(
  db: Database,
  inputs: readonly TaskInput[],
  { pointerOf, seed }: CreateOptions,
): Promise<CreatedTask[]> {
  const named = inputs.map((input, index) => nameOf(input, index, seed))
  refuse(graphErrors(named, pointerOf))
  // What another transaction takes meanwhile is seen by the second look: as a duplicate, or as a field that is wrong.
  const isPassing = (error: unknown) =>
    canRepeat(error) || (isTurboError(error, 'conflict') && error.cause !== undefined)
  return retrying(() => db.transaction((tx) => createNamed(tx, named, pointerOf, seed !== undefined)), isPassing)
}

async function createNamed(
  tx: Executor,
  named: readonly Named[],
  pointerOf: (index: number) => string,
  isSeeded: boolean,
): Promise<CreatedTask[]> {
  const known = await findKnown(tx, wanted(named))
  const there = new Set(known.tasks)
  if (isSeeded && named.every(({ input, taskId }) => input.taskId === undefined && there.has(taskId))) {
    return inOrderOf(named, await statusesOf(tx, [...there]))
  }
  refuse(referenceErrors(named, known, pointerOf))
  refuseTaken(named, there, pointerOf)
  const { fresh, twins } = withoutDuplicates(named, known)
  // Parents first: then no edge points forward, and the database need not look for rings.
  const ordered = inOrder(fresh) ?? fresh
  const made = ordered.length === 0 ? [] : await insertTasks(tx, ordered.map(recordOf))
  // One whose parent has ended before is settled within the statement, and so are those behind it.
  const ids = new Set(fresh.map(({ taskId }) => taskId))
  const isSettled = fresh.some(({ parents }) => parents.some((parent) => !ids.has(parent)))
  const settled = isSettled ? await statusesOf(tx, [...ids]) : []
  return inOrderOf(named, [...made, ...settled], twins)
}

function nameOf(input: TaskInput, index: number, seed: string | undefined): Named {
  const edges = input.dependencies ?? []
  const parents = [...new Set([...(input.dependsOnTasks ?? []), ...edges.map(({ taskId }) => taskId)])]
  const policies: Policies = {}
  for (const { taskId, after = 'success', onFailure = 'block' } of edges) {
    if (after !== 'success' || onFailure !== 'block') policies[taskId] = { after, on_failure: onFailure }
  }
  return { input, parents, policies, taskId: input.taskId ?? newTaskId(index, seed) }
}

function newTaskId(index: number, seed: string | undefined): string {
  return `task_${hexDigits(ID_DIGITS, seed === undefined ? undefined : `${seed}\n${index}`)}`
}

function wanted(named: readonly Named[]) {
  return {
    taskIds: [...new Set(named.flatMap(({ taskId, parents }) => [taskId, ...parents]))],
    sessionIds: [...new Set(named.flatMap(({ input }) => input.sessionId ?? []))],
    dedupeKeys: [...new Set(named.flatMap(({ input }) => input.dedupeKey ?? []))],
  }
}

function referenceErrors(named: readonly Named[], known: Known, pointerOf: (index: number) => string): FieldError[] {
  const tasks = new Set([...known.tasks, ...named.map(({ taskId }) => taskId)])
  const sessions = new Set(known.sessions)
  return named.flatMap(({ input, parents }, index) => {
    const errors: FieldError[] = parents
      .filter((parent) => !tasks.has(parent))
      .map((parent) => ({ ...placeOf(input, parent, pointerOf(index)), detail: `there is no task ${parent}` }))
    if (input.sessionId !== undefined && !sessions.has(input.sessionId)) {
      errors.push({ pointer: `${pointerOf(index)}/session_id`, detail: `there is no session ${input.sessionId}` })
    }
    return errors
  })
}

/** Where the caller named a parent. */
function placeOf(input: TaskInput, parent: string, at: string): { pointer: string } {
  const index = input.dependsOnTasks?.indexOf(parent) ?? -1
  if (index >= 0) return { pointer: `${at}/depends_on_tasks/${index}` }
  const edge = input.dependencies?.findIndex(({ taskId }) => taskId === parent) ?? 0
  return { pointer: `${at}/dependencies/${edge}/task_id` }
}

function refuse(errors: FieldError[]): void {
  const [first] = errors
  if (first === undefined) return
  const where = first.pointer.slice(1).replaceAll('/', '.')
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  throw new TurboError('invalid_input', `${where}: ${first.detail}${more}`, {
    errors: errors.slice(0, ERRORS_MAX),
    next: 'Correct the named fields. Nothing was created.',
  })
}

function refuseTaken(named: readonly Named[], there: Set<string>, pointerOf: (index: number) => string): void {
  const errors = named.flatMap(({ taskId }, index) =>
    there.has(taskId) ? [{ pointer: `${pointerOf(index)}/task_id`, detail: `task ${taskId} exists already` }] : [],
  )
  const [first] = errors
  if (first === undefined) return
  throw new TurboError('conflict', first.detail, {
    errors: errors.slice(0, ERRORS_MAX),
    next: 'Leave task_id out to get a new one, or use dedupe_key to be answered with the task that is there.',
  })
}

/** Those to create, and for the others the live task that has their dedupe key; edges to the others go to that task. */
function withoutDuplicates(named: readonly Named[], known: Known): { fresh: Named[]; twins: Map<string, CreatedTask> } {
  const byKey = new Map<string, CreatedTask>(
    known.duplicates.map(({ dedupeKey, taskId, status }) => [dedupeKey, { taskId, status, duplicate: true }]),
  )
  const twins = new Map<string, CreatedTask>()
  const fresh: Named[] = []
  for (const task of named) {
    const key = task.input.dedupeKey
    const twin = key === undefined ? undefined : byKey.get(key)
    if (twin !== undefined) twins.set(task.taskId, twin)
    else fresh.push(task)
    if (key !== undefined && twin === undefined) {
      byKey.set(key, { taskId: task.taskId, status: 'pending', duplicate: true })
    }
  }
  const target = (id: string) => twins.get(id)?.taskId ?? id
  const retargeted = fresh.map((task) => ({
    ...task,
    parents: [...new Set(task.parents.map(target))],
    policies: Object.fromEntries(Object.entries(task.policies).map(([parent, policy]) => [target(parent), policy])),
  }))
  return { twins, fresh: retargeted }
}

function recordOf({ input, taskId, parents, policies }: Named): TaskRecord {
  const { dependsOnTasks: _, dependencies: __, ...rest } = input
  return { ...rest, taskId, dependsOnTasks: parents, dependencyPolicies: policies }
}

function inOrderOf(
  named: readonly Named[],
  made: readonly CreatedTask[],
  twins: Map<string, CreatedTask> = new Map(),
): CreatedTask[] {
  const statuses = new Map(made.map(({ taskId, status }) => [taskId, status]))
  return named.map(({ taskId }) => {
    const twin = twins.get(taskId)
    const status = statuses.get(twin?.taskId ?? taskId) ?? twin?.status ?? 'pending'
    return twin === undefined ? { taskId, status } : { ...twin, status }
  })
}
