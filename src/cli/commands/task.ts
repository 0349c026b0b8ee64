import { Option } from 'commander'
import { TurboError } from '../../base/errors.ts'
import { fromWire } from '../../base/wire.ts'
import type { InputOf } from '../../client/index.ts'
import { type CommandFactory, command, plainCommand } from '../command.ts'
import { EXIT, pause } from '../exit.ts'
import { readText } from '../input.ts'
import { futureInstant, jsonObject, several, wholeNumber } from '../options.ts'
import { progressLine, renderAttempts, renderCreated, renderTask } from '../render/tasks.ts'
import { STATUSES, type Status, taskGraphCommand, taskListCommand } from './task-list.ts'
import { taskLogsCommand } from './task-logs.ts'

type NewTask = InputOf<'createTask'>

/** How often a watched task is looked at. */
const WATCH_MS = 1_000

/** `task`: the queue. */
export const taskCommand: CommandFactory = (bind) =>
  plainCommand('task', 'Put tasks into the queue, look at them, move them')
    .addCommand(addCommand(bind))
    .addCommand(taskListCommand(bind))
    .addCommand(showCommand(bind))
    .addCommand(watchCommand(bind))
    .addCommand(taskGraphCommand(bind))
    .addCommand(attemptsCommand(bind))
    .addCommand(taskLogsCommand(bind))
    .addCommand(reportCommand(bind))
    .addCommand(cancelCommand(bind))
    .addCommand(retryCommand(bind))

interface AddOptions {
  file?: string
  id?: string
  type: string
  session?: string
  plan?: string
  project?: string
  priority?: number
  role?: string
  platform?: string
  needs?: string[]
  after?: string[]
  input?: Record<string, unknown>
  context?: Record<string, unknown>
  timeout?: number
  retries?: number
  runAfter?: string
  dedupe?: string
  concurrency?: string
}

const addCommand: CommandFactory = (bind) =>
  command('add', 'Put a task into the queue, or a graph of them from a file', [
    'task add "Review the checkout flow" --type review --platform codex --priority 8',
    'task add --file plan.json',
  ])
    .argument('[description...]', 'what is to be done')
    .option('-f, --file <path>', 'JSON: {"tasks": [...]} as POST /v1/tasks/batch takes it; - reads standard input')
    .option('--id <id>', 'your own id for it')
    .option('--type <name>', 'short word such as analysis, implementation, review', 'task')
    .option('--session <id>', 'the session that delegates it')
    .option('--plan <id>', 'the plan it belongs to')
    .option('-p, --project <name>', 'the project (default: that of the session)')
    .option('--priority <number>', '1 to 10, 10 first (default: 5)', wholeNumber)
    .option('--role <name>', 'only workers with this role run it')
    .option('--platform <name>', 'only workers with this platform run it')
    .option('--needs <names>', 'only workers with all these capabilities run it', several)
    .option('--after <ids>', 'tasks that must be completed before', several)
    .option('--input <json>', 'input_data, a JSON object', jsonObject)
    .option('--context <json>', 'required_context, a JSON object', jsonObject)
    .option('--timeout <seconds>', 'longest run (default: 300)', wholeNumber)
    .option('--retries <count>', 'runs after the first that may follow failures (default: 3)', wholeNumber)
    .addOption(new Option('--run-after <time>', 'not claimed before, e.g. 2h').argParser(futureInstant))
    .option('--dedupe <key>', 'while a task with this key is not ended, it is answered instead')
    .option('--concurrency <key>', 'tasks with the same key run one at a time')
    .action(
      bind(async ({ backend, terminal }, words: string[], options: AddOptions) => {
        if ((options.file === undefined) === (words.length === 0)) {
          throw new TurboError('invalid_input', 'a description or --file is needed, and not both')
        }
        if (options.file !== undefined) {
          const batch = await batchOf(options.file)
          const store = await backend()
          return terminal.result(await store.call('createTasks', batch), ({ tasks }) =>
            tasks.map(renderCreated).join('\n'),
          )
        }
        const store = await backend()
        await terminal.result(await store.call('createTask', inputOf(words.join(' '), options)), renderCreated)
      }),
    )

async function batchOf(path: string): Promise<InputOf<'createTasks'>> {
  const text = await readText(path)
  try {
    // The operation says what is wrong with its fields, by name.
    return fromWire(JSON.parse(text)) as InputOf<'createTasks'>
  } catch (cause) {
    throw new TurboError('invalid_input', `${path} is not JSON`, { cause })
  }
}

function inputOf(taskDescription: string, options: AddOptions): NewTask {
  const { id, type, session, plan, project, priority, role, platform, needs, after, input, context } = options
  return {
    taskDescription,
    taskId: id,
    taskType: type,
    sessionId: session,
    planId: plan,
    project,
    taskPriority: priority,
    assignedToRole: role,
    assignedToPlatform: platform,
    requiredCapabilities: needs,
    dependsOnTasks: after,
    inputData: input,
    requiredContext: context,
    timeoutSeconds: options.timeout,
    maxRetries: options.retries,
    runAfter: options.runAfter,
    dedupeKey: options.dedupe,
    concurrencyKey: options.concurrency,
  }
}

const showCommand: CommandFactory = (bind) =>
  command('show', 'Show one task: its state, why it waits, its dependencies and runs', [
    'task show task_5f2a9c1e77d0',
    'task show task_5f2a9c1e77d0 --json',
  ])
    .argument('<id>', 'the id of the task')
    .action(
      bind(async ({ backend, terminal }, taskId: string) => {
        const store = await backend()
        await terminal.result(await store.call('getTask', { taskId }), renderTask)
      }),
    )

const watchCommand: CommandFactory = (bind) =>
  command('watch', 'Follow a task until it has ended; the exit code is 0 when it is completed', [
    'task watch task_5f2a9c1e77d0',
    'task watch task_5f2a9c1e77d0 --json',
  ])
    .argument('<id>', 'the id of the task')
    .action(
      bind(async (context, taskId: string) => {
        const { terminal, signal } = context
        const store = await context.backend()
        for (let told = ''; ; await pause(WATCH_MS, signal)) {
          const task = await store.call('getTask', { taskId })
          const line = progressLine(task)
          if (line !== told) await terminal.result(task, () => line)
          told = line
          if (task.completedAt === null) continue
          context.exitCode = task.status === 'completed' ? EXIT.ok : EXIT.failure
          return
        }
      }),
    )

const attemptsCommand: CommandFactory = (bind) =>
  command('attempts', 'List the runs of a task, newest first', [
    'task attempts task_5f2a9c1e77d0',
    'task attempts task_5f2a9c1e77d0 --limit 5 --json',
  ])
    .argument('<id>', 'the id of the task')
    .option('-n, --limit <count>', 'runs at most, 1 to 200 (default: 50)', wholeNumber)
    .option('--cursor <cursor>', 'go on after the page that gave this cursor')
    .action(
      bind(async ({ backend, terminal }, taskId: string, options: { limit?: number; cursor?: string }) => {
        const store = await backend()
        await terminal.result(await store.call('listTaskAttempts', { taskId, ...options }), renderAttempts)
      }),
    )

interface ReportOptions {
  status?: string
  progress?: number
  step?: string
  output?: Record<string, unknown>
  error?: string
}

const reportCommand: CommandFactory = (bind) =>
  command('report', 'Report on a task that you run yourself', [
    'task report task_5f2a9c1e77d0 --status running --step "reading the code"',
    'task report task_5f2a9c1e77d0 --status completed --output \'{"findings": 3}\'',
  ])
    .argument('<id>', 'the id of the task')
    .addOption(new Option('--status <name>', 'what it becomes').choices(STATUSES))
    .option('--progress <percent>', '0 to 100', wholeNumber)
    .option('--step <text>', 'what is being done')
    .option('--output <json>', 'output_data, a JSON object', jsonObject)
    .option('--error <text>', 'what went wrong')
    .action(
      bind(async ({ backend, terminal }, taskId: string, options: ReportOptions) => {
        const store = await backend()
        const report = {
          status: options.status as Status | undefined,
          progressPercentage: options.progress,
          currentStep: options.step,
          outputData: options.output,
          errorMessage: options.error,
        }
        await terminal.result(await store.call('reportTask', { taskId, ...report }), progressLine)
      }),
    )

const cancelCommand: CommandFactory = (bind) =>
  command('cancel', 'Cancel tasks: what waits at once, what runs with the next heartbeat of its worker', [
    'task cancel task_5f2a9c1e77d0',
    'task cancel task_5f2a9c1e77d0 task_8b1d4e6f2a3c --json',
  ])
    .argument('<ids...>', 'the ids of the tasks')
    .action(
      bind(async ({ backend, terminal }, taskIds: string[]) => {
        const store = await backend()
        for (const taskId of taskIds) await terminal.result(await store.call('cancelTask', { taskId }), progressLine)
      }),
    )

const retryCommand: CommandFactory = (bind) =>
  command('retry', 'Put ended tasks, or those that a person or a review holds, back into the queue', [
    'task retry task_5f2a9c1e77d0',
    'task retry task_5f2a9c1e77d0 --json',
  ])
    .argument('<ids...>', 'the ids of the tasks')
    .action(
      bind(async ({ backend, terminal }, taskIds: string[]) => {
        const store = await backend()
        for (const taskId of taskIds) await terminal.result(await store.call('retryTask', { taskId }), progressLine)
      }),
    )
