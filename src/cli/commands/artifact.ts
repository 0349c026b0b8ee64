import { type CommandFactory, command, plainCommand } from '../command.ts'
import { readText } from '../input.ts'
import { jsonObject, wholeNumber } from '../options.ts'
import { renderArtifacts, renderContent } from '../render/artifacts.ts'
import { bytes } from '../render/text.ts'

/** `artifact`: what agents made. */
export const artifactCommand: CommandFactory = (bind) =>
  plainCommand('artifact', 'Keep, list and show what agents made')
    .addCommand(addCommand(bind))
    .addCommand(listCommand(bind))
    .addCommand(showCommand(bind))

interface AddOptions {
  type: string
  name?: string
  format?: string
  session?: string
  task?: string
  metadata?: Record<string, unknown>
}

const addCommand: CommandFactory = (bind) =>
  command('add', 'Keep a file, or standard input', [
    'artifact add report.md --type report --session codex_developer_0a1b2c3d',
    'artifact add - --type diff --name fix.patch --task task_0a1b2c3d4e5f',
  ])
    .argument('<file>', 'the file; - reads standard input')
    .requiredOption('--type <name>', 'short word such as report, diff, log')
    .option('--name <name>', 'how it is called (default: the path)')
    .option('--format <name>', 'short word such as text, markdown, json (default: text)')
    .option('--session <id>', 'the session it comes from')
    .option('--task <id>', 'the task it comes from')
    .option('--metadata <json>', 'a JSON object of your own', jsonObject)
    .action(
      bind(async ({ backend, terminal }, file: string, options: AddOptions) => {
        const { type: artifactType, name = file, format, session: sessionId, task: taskId, metadata } = options
        const content = await readText(file)
        const store = await backend()
        const input = { artifactType, name, format, sessionId, taskId, metadata, content }
        await terminal.result(await store.call('addArtifact', input), ({ artifactId, contentBytes }) => {
          return `added ${artifactId} (${bytes(contentBytes)})`
        })
      }),
    )

interface ListOptions {
  session?: string
  task?: string
  limit?: number
  cursor?: string
}

const listCommand: CommandFactory = (bind) =>
  command('list', 'List artifacts, newest first', [
    'artifact list --session codex_developer_0a1b2c3d',
    'artifact list --task task_0a1b2c3d4e5f --json',
  ])
    .option('--session <id>', 'only those of this session')
    .option('--task <id>', 'only those of this task')
    .option('-n, --limit <count>', 'artifacts at most, 1 to 200 (default: 50)', wholeNumber)
    .option('--cursor <cursor>', 'go on after the page that gave this cursor')
    .action(
      bind(async ({ backend, terminal }, { session, task, ...page }: ListOptions) => {
        const store = await backend()
        const input = { sessionId: session, taskId: task, ...page }
        await terminal.result(await store.call('listArtifacts', input), renderArtifacts)
      }),
    )

const showCommand: CommandFactory = (bind) =>
  command('show', 'Print the content of an artifact', [
    'artifact show artifact_0a1b2c3d4e5f',
    'artifact show artifact_0a1b2c3d4e5f --json',
  ])
    .argument('<artifact>', 'the id of the artifact')
    .action(
      bind(async ({ backend, terminal }, artifactId: string) => {
        const store = await backend()
        await terminal.result(await store.call('getArtifact', { artifactId }), renderContent)
      }),
    )
