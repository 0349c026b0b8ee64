import { type SQL, sql } from 'drizzle-orm'
import fc from 'fast-check'
import { isTurboError } from '../../../src/base/errors.ts'
import type { Store } from '../../../src/db/index.ts'
import { retrying } from '../../../src/orchestrator/retry.ts'
import { TASK_MOVES, type TaskStatus } from '../../../src/orchestrator/states.ts'
import { createTasks } from '../../../src/orchestrator/tasks/create.ts'
import { createTaskQueue } from '../../../src/orchestrator/tasks/queue.ts'
import { cancel, report, retry } from '../../../src/orchestrator/tasks/report.ts'
import { repairDependencies, tick } from '../../../src/orchestrator/tasks/sweep.ts'
import type { After, OnFailure } from '../../../src/orchestrator/tasks/types.ts'
import { WORKER } from '../../harness/tasks.ts'

/** Few enough to be in each other's way. Those with a number below a task's own may be its parents. */
const TASKS = 6

/** One thing that an actor does. `task` and `parents` are numbers; what does not fit the moment is refused, or nothing. */
export type Step =
  | { do: 'create'; task: number; parents: { task: number; after: After; onFailure: OnFailure }[] }
  | { do: 'insert'; task: number; parents: number[] }
  | { do: 'claim'; limit: number }
  | { do: 'finish'; outcome: 'completed' | 'failed' | 'cancelled'; retry: boolean }
  | { do: 'release' }
  | { do: 'lose' }
  | { do: 'tick' }
  | { do: 'cancel'; task: number }
  | { do: 'retry'; task: number }
  | { do: 'report'; task: number; status: TaskStatus }
  | { do: 'update'; task: number; status: TaskStatus }
  | { do: 'delete'; task: number }
  | { do: 'relink'; task: number; parents: number[] }

const task = fc.nat(TASKS - 1)
const status = fc.constantFrom<TaskStatus[]>(...(Object.keys(TASK_MOVES) as TaskStatus[]))
const below = (max: number): fc.Arbitrary<number[]> =>
  max === 0 ? fc.constant([]) : fc.uniqueArray(fc.nat(max - 1), { maxLength: 3 })
const linked = task.chain((number) => fc.record({ task: fc.constant(number), parents: below(number) }))

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        linked,
        fc.constantFrom<After[]>('success', 'end'),
        fc.constantFrom<OnFailure[]>('block', 'skip', 'cancel'),
      )
      .map(([{ task, parents }, after, onFailure]) => ({
        do: 'create' as const,
        task,
        parents: parents.map((parent) => ({ task: parent, after, onFailure })),
      })),
  },
  { weight: 3, arbitrary: linked.map((given) => ({ do: 'insert' as const, ...given })) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('claim' as const), limit: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      outcome: fc.constantFrom('completed' as const, 'completed' as const, 'failed' as const, 'cancelled' as const),
      retry: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Step[]>({ do: 'release' }, { do: 'lose' }, { do: 'tick' }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('cancel' as const, 'retry' as const, 'delete' as const), task }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('report' as const, 'update' as const), task, status }) },
  { weight: 1, arbitrary: linked.map((given) => ({ do: 'relink' as const, ...given })) },
)

/** What each of several actors does, at the same time as the others. */
export const scripts: fc.Arbitrary<Step[][]> = fc.array(fc.array(step, { minLength: 4, maxLength: 16 }), {
  minLength: 3,
  maxLength: 5,
})

/** Who acts, and on the tasks of which run: their ids are the run's own, so that the audit trail need not be emptied. */
export interface Actor {
  db: Store
  name: string
  run: string
}

/** An actor on a connection pool of its own; `taken` gets every attempt that it was handed. */
export async function act(actor: Actor, steps: readonly Step[], taken: string[]): Promise<void> {
  const held: string[] = []
  for (const each of steps) {
    try {
      await take(actor, each, held, taken)
    } catch (error) {
      // What is wrong at this moment is refused; anything else is a bug.
      if (!isTurboError(error, 'conflict', 'not_found', 'invalid_input')) throw error
    }
  }
}

async function take({ db, name, run }: Actor, step: Step, held: string[], taken: string[]): Promise<unknown> {
  const id = (number: number) => `${run}-${number}`
  const queue = createTaskQueue(db)
  // Whoever writes plain SQL repeats what a deadlock undid.
  const plain = (statement: SQL) => retrying(() => db.query(statement))
  switch (step.do) {
    case 'create': {
      const dependencies = step.parents.map(({ task, ...policy }) => ({ taskId: id(task), ...policy }))
      const input = { taskId: id(step.task), taskType: 't', taskDescription: 'x', dependencies }
      return createTasks(db, [input], { pointerOf: () => '' })
    }
    case 'insert':
      return plain(sql`insert into agent_tasks (task_id, task_type, task_description, depends_on_tasks)
        values (${id(step.task)}, 't', 'x', ${sql.param(step.parents.map(id))}::text[])`)
    case 'claim': {
      const claimed = await queue.claim({ ...WORKER, workerId: name, limit: step.limit })
      held.push(...claimed.map(({ attemptId }) => attemptId))
      return taken.push(...claimed.map(({ taskId, attemptNumber }) => `${taskId} ${attemptNumber}`))
    }
    case 'finish':
      return queue.finish({ attemptId: held.shift() ?? NOBODY, outcome: step.outcome, retry: step.retry })
    case 'release':
      return queue.release(held.shift() ?? NOBODY)
    case 'lose':
      return plain(sql`update task_leases set lease_until = now() - interval '1 second' where worker_id = ${name}`)
    case 'tick':
      await plain(sql`update agent_tasks set run_after = now() where run_after > now()`)
      return tick(db)
    case 'cancel':
      return cancel(db, id(step.task))
    case 'retry':
      return retry(db, id(step.task))
    case 'report':
      return report(db, id(step.task), { status: step.status })
    case 'update':
      return plain(sql`update agent_tasks set status = ${step.status} where task_id = ${id(step.task)}`)
    case 'delete':
      return plain(sql`delete from agent_tasks where task_id = ${id(step.task)}`)
    case 'relink':
      return plain(sql`update agent_tasks set depends_on_tasks = ${sql.param(step.parents.map(id))}::text[]
        where task_id = ${id(step.task)}`)
  }
}

const NOBODY = '00000000-0000-4000-8000-000000000000'

/** What must hold whenever nobody is at work; each names the tasks for which it does not. */
const RULES: Record<string, ReturnType<typeof sql>> = {
  'a pending task has unmet dependencies': sql`
    select task_id from agent_tasks where status = 'pending' and dependencies_left > 0`,
  'a task that its dependencies hold has none that is unmet': sql`
    select task_id from agent_tasks where status = 'blocked' and dependencies_left = 0
      and metadata->>'blocked_reason' in ('dependencies', 'dependency_failed')`,
  'an edge is not as its parent is': sql`
    select d.task_id from task_dependencies d left join agent_tasks p on p.task_id = d.depends_on
    where d.met <> (coalesce(p.status = 'completed' or p.metadata @> '{"skipped": true}', false)
      or d."after" = 'end' and coalesce(p.status, 'failed') in ('completed', 'failed', 'cancelled'))`,
  'a counter is not the number of unmet edges': sql`
    select t.task_id from agent_tasks t where t.dependencies_left <>
      (select count(*) from task_dependencies d where d.task_id = t.task_id and not d.met)`,
  'the edges are not those of depends_on_tasks': sql`
    select t.task_id from agent_tasks t where cardinality(t.depends_on_tasks) <>
      (select count(*) from task_dependencies d where d.task_id = t.task_id and d.depends_on = any(t.depends_on_tasks))`,
  'a policy was not followed': sql`
    select d.task_id from task_dependencies d join agent_tasks t using (task_id)
    left join agent_tasks p on p.task_id = d.depends_on
    where t.status in ('pending', 'blocked') and d.on_failure <> 'block' and d."after" = 'success'
      and (p.task_id is null or p.status = 'failed' or p.status = 'cancelled' and not p.metadata @> '{"skipped": true}')`,
  'a lease without a run, or of another one': sql`
    select l.task_id from task_leases l left join agent_tasks t using (task_id)
    left join task_attempts a on a.attempt_id = l.attempt_id
    where t.status is distinct from 'running' or a.ended_at is not null or a.attempt_number <> t.attempt_count`,
  'a run without a lease': sql`
    select a.task_id from task_attempts a where a.ended_at is null
      and not exists (select from task_leases l where l.attempt_id = a.attempt_id)`,
  'a place in the queue that is not waiting, or the reverse': sql`
    select task_id from agent_tasks
    where (queue_rank is not null) <> (status = 'pending' and (run_after is null or run_after <= now()))
      and not (status = 'pending' and queue_rank is null and run_after <= now())`,
}

/** Everything that is wrong with the store after actors have done `taken`; empty when all is well. */
export async function breaches({ db, run }: Omit<Actor, 'name'>, taken: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const [rule, query] of Object.entries(RULES)) {
    const rows = await db.query<{ taskId: string }>(query)
    if (rows.length > 0) found.push(`${rule}: ${rows.map(({ taskId }) => taskId).join(', ')}`)
  }
  const twice = taken.filter((run, at) => taken.indexOf(run) !== at)
  // A deleted task may be made again, and then begins with its first run.
  const deleted = await deletedOf(db, run)
  const doubles = twice.filter((claimed) => !deleted.has(claimed.split(' ')[0] ?? ''))
  if (doubles.length > 0) found.push(`claimed twice: ${doubles.join(', ')}`)
  return [...found, ...(await illegalHistories(db))]
}

async function deletedOf(db: Store, run: string): Promise<Set<string>> {
  const rows = await db.query<{ taskId: string }>(sql`
    select task_id from agent_actions where action_type = 'task_deleted' and starts_with(task_id, ${`${run}-`})`)
  return new Set(rows.map(({ taskId }) => taskId))
}

/** The trail of each task must be one of legal moves, each from where the one before led, ending where the task is. */
async function illegalHistories(db: Store): Promise<string[]> {
  const rows = await db.query<{
    taskId: string
    moves: { from: TaskStatus; to: TaskStatus }[]
    status: TaskStatus
  }>(sql`
    select a.task_id, t.status, json_agg(json_build_object('from', a.output_data->>'from', 'to', a.output_data->>'to')
      order by seq) as moves
    from agent_actions a join agent_tasks t using (task_id)
    where action_type = 'task_status' and not exists (
      select from agent_actions d where d.task_id = a.task_id and d.action_type = 'task_deleted')
    group by 1, 2`)
  return rows.flatMap(({ taskId, moves, status }) => {
    const illegal = moves.filter(({ from, to }) => !TASK_MOVES[from].includes(to))
    const torn = moves.some(({ from }, at) => at > 0 && moves[at - 1]?.to !== from)
    const last = moves.at(-1)?.to
    const found = illegal.map(({ from, to }) => `${taskId} went from ${from} to ${to}`)
    if (torn) found.push(`${taskId} has a gap in its trail: ${moves.map(({ from, to }) => `${from}>${to}`).join(' ')}`)
    if (last !== status) found.push(`${taskId} is ${status}, and its trail ends with ${last}`)
    return found
  })
}

/** Whether the repair has nothing to do: what it mends would be a release that was lost. */
export async function mendedAfterwards(db: Store): Promise<number> {
  const blocked = await repairDependencies(db, { status: 'blocked', afterSeq: 0 })
  const pending = await repairDependencies(db, { status: 'pending', afterSeq: 0 })
  return blocked.mended + pending.mended
}
