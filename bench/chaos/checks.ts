import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import type { Store } from '../../src/db/index.ts'
import type { Orchestrator } from '../../src/orchestrator/index.ts'
import { readProcesses } from '../../src/worker/process/process-table.ts'
import { RECORD } from './tasks.ts'

interface TaskRow {
  taskId: string
  status: string
  text: string | null
  dependsOnTasks: string[]
  /** Moves to an end, by the audit trail. */
  ends: number
  /** Runs whose result was taken. */
  taken: number
}

/** What is wrong after a run, a line each; nothing when all is as it must be. */
export async function findings(
  store: Store,
  orchestrator: Orchestrator,
  folders: { tasks: string; worker: string },
): Promise<string[]> {
  const tasks = await store.query<TaskRow>(sql`
    select t.task_id, t.status, t.output_data->>'text' as text, t.depends_on_tasks,
      (select count(*)::int from agent_actions a where a.task_id = t.task_id and a.action_type = 'task_status'
        and a.output_data->>'to' in ('completed', 'failed', 'cancelled')) as ends,
      (select count(*)::int from task_attempts a where a.task_id = t.task_id and a.outcome = 'completed') as taken
    from agent_tasks t order by t.task_seq`)
  const record = readFileSync(join(folders.tasks, RECORD), 'utf8').trim().split('\n')
  return [
    ...tasks.flatMap((task) => wrongWith(task, record).map((wrong) => `${task.taskId}: ${wrong}`)),
    ...orderFindings(tasks, record),
    ...(await leftOvers(store, folders.worker)),
    ...(await brokenChain(orchestrator)),
  ]
}

function wrongWith({ taskId, status, text, ends, taken }: TaskRow, record: readonly string[]): string[] {
  const finished = text !== null && record.includes(`end ${text.trim()}`)
  return [
    ...(status === 'completed' ? [] : [`is ${status}`]),
    ...(ends === 1 ? [] : [`ended ${ends} times`]),
    ...(taken === 1 ? [] : [`has ${taken} results that were taken`]),
    ...(finished && text?.startsWith(`${taskId} `) ? [] : [`its result is of no run of it: ${text}`]),
  ]
}

/** A task begins after all that it depends on have ended once. */
function orderFindings(tasks: TaskRow[], record: readonly string[]): string[] {
  const first = new Map<string, number>()
  record.forEach((line, place) => {
    const [what, taskId] = line.split(' ')
    const key = `${what} ${taskId}`
    if (!first.has(key)) first.set(key, place)
  })
  const placeOf = (key: string, missing: number) => first.get(key) ?? missing
  return tasks.flatMap(({ taskId, dependsOnTasks }) =>
    dependsOnTasks
      .filter((parent) => placeOf(`start ${taskId}`, -1) < placeOf(`end ${parent}`, Number.POSITIVE_INFINITY))
      .map((parent) => `${taskId}: began before ${parent} had ended`),
  )
}

async function leftOvers(store: Store, folder: string): Promise<string[]> {
  const [counts] = await store.query<{ leases: number; open: number; running: number }>(sql`
    select (select count(*)::int from task_leases) as leases,
      (select count(*)::int from task_attempts where ended_at is null) as open`)
  const attempts = await store.query<{ attemptId: string }>(sql`select attempt_id from task_attempts`)
  const known = new Set(attempts.map(({ attemptId }) => attemptId))
  const orphans = (await readProcesses()).filter(({ run }) => run !== undefined && known.has(run))
  const files = ['spool', `runs/${hostname()}`].flatMap((name) => {
    const path = join(folder, name)
    return existsSync(path)
      ? readdirSync(path)
          .filter((file) => file.endsWith('.json'))
          .map((file) => `${name}/${file} (${statSync(join(path, file)).size} bytes)`)
      : []
  })
  return [
    ...(counts?.leases === 0 ? [] : [`${counts?.leases} leases are left`]),
    ...(counts?.open === 0 ? [] : [`${counts?.open} runs have no end`]),
    ...(orphans.length === 0 ? [] : [`processes are left: ${orphans.map(({ pid }) => pid).join(', ')}`]),
    ...(files.length === 0 ? [] : [`left in files: ${files.join(', ')}`]),
  ]
}

async function brokenChain({ audit }: Orchestrator): Promise<string[]> {
  const { valid, firstBroken } = await audit.verify({})
  return valid ? [] : [`the audit trail is broken: ${JSON.stringify(firstBroken)}`]
}
