import type { InputOf, OutputOf } from '../../client/index.ts'
import type { Backend } from '../backend.ts'
import { type CommandFactory, command } from '../command.ts'
import { several, wholeNumber } from '../options.ts'
import { renderGraph, renderTasks } from '../render/tasks.ts'
import { plural } from '../render/text.ts'

export type Status = OutputOf<'getTask'>['status']

export const STATUSES: readonly Status[] = ['pending', 'blocked', 'running', 'completed', 'failed', 'cancelled']

/** Tasks that a graph draws. */
const GRAPH_TASKS_MAX = 1_000
const GRAPH_PAGE = 200

interface ListOptions {
  status?: string[]
  ready?: boolean
  session?: string
  plan?: string
  project?: string
  role?: string
  platform?: string
  type?: string
  limit?: number
  cursor?: string
}

/** `task list`: tasks, one a line. */
export const taskListCommand: CommandFactory = (bind) =>
  command('list', 'List tasks, newest first', ['task list --status running,blocked', 'task list --ready --json'])
    .option('--status <names>', STATUSES.join(', '), several)
    .option('--ready', 'those that may be claimed now, in the order in which they will be')
    .option('--session <id>', 'only those of this session')
    .option('--plan <id>', 'only those of this plan')
    .option('-p, --project <name>', 'only this project')
    .option('--role <name>', 'only those for this role')
    .option('--platform <name>', 'only those for this platform')
    .option('--type <name>', 'only this type')
    .option('-n, --limit <count>', 'tasks at most, 1 to 200 (default: 50)', wholeNumber)
    .option('--cursor <cursor>', 'go on after the page that gave this cursor')
    .action(
      bind(async ({ backend, terminal }, { session, plan, type, status, ...rest }: ListOptions) => {
        const store = await backend()
        // What is no status is refused by the operation, with the field's name.
        const filter = {
          ...rest,
          sessionId: session,
          planId: plan,
          taskType: type,
          status: status as Status[] | undefined,
        }
        await terminal.result(await store.call('listTasks', filter), renderTasks)
      }),
    )

/** `task graph`: tasks below those that they depend on. */
export const taskGraphCommand: CommandFactory = (bind) =>
  command('graph', 'Draw tasks below those that they depend on', [
    'task graph --plan plan_1',
    'task graph --session s1',
  ])
    .option('--session <id>', 'only those of this session')
    .option('--plan <id>', 'only those of this plan')
    .option('-p, --project <name>', 'only this project')
    .action(
      bind(async ({ backend, terminal }, { session, plan, project }: ListOptions) => {
        const tasks = await allTasks(await backend(), { sessionId: session, planId: plan, project })
        await terminal.result({ tasks }, renderGraph)
        if (tasks.length === GRAPH_TASKS_MAX) terminal.note(`only the newest ${plural(GRAPH_TASKS_MAX, 'task')}`)
      }),
    )

async function allTasks(store: Backend, filter: InputOf<'listTasks'>): Promise<OutputOf<'listTasks'>['tasks']> {
  const tasks: OutputOf<'listTasks'>['tasks'] = []
  for (let cursor: string | undefined; tasks.length < GRAPH_TASKS_MAX; ) {
    const page = await store.call('listTasks', { ...filter, limit: GRAPH_PAGE, cursor })
    tasks.push(...page.tasks)
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  return tasks.reverse()
}
