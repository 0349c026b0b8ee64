import type { TaskLogEntry } from '../../client/index.ts'
import type { Backend } from '../backend.ts'
import { type CommandFactory, command } from '../command.ts'
import { renderLogEntry, renderLogRun } from '../render/task-logs.ts'

const PAGE_LINES = 200

interface LogsOptions {
  follow?: boolean
  cursor?: string
}

/** `task logs`: what the runs of a task said. */
export const taskLogsCommand: CommandFactory = (bind) =>
  command('logs', 'Show what the runs of a task said; with --json an entry a line', [
    'task logs task_5f2a9c1e77d0',
    'task logs task_5f2a9c1e77d0 --follow',
  ])
    .argument('<id>', 'the id of the task')
    .option('-f, --follow', 'go on until the task has ended')
    .option('--cursor <position>', 'only what was said after it: run and number of an entry, e.g. 1.20')
    .action(
      bind(async ({ backend, terminal }, taskId: string, { follow, cursor }: LogsOptions) => {
        const store = await backend()
        const input = { taskId, cursor }
        let run = 0
        for await (const entry of follow ? store.followTaskLog(input) : pages(store, input)) {
          if (entry.attemptNumber !== run && !terminal.isJson) await terminal.print(renderLogRun(entry, terminal.view))
          run = entry.attemptNumber
          await terminal.result(entry, renderLogEntry)
        }
      }),
    )

/** All that is there. */
async function* pages(
  store: Backend,
  { taskId, cursor }: { taskId: string; cursor?: string },
): AsyncGenerator<TaskLogEntry> {
  for (let after = cursor; ; ) {
    const { entries, nextCursor } = await store.call('getTaskLog', { taskId, cursor: after, limit: PAGE_LINES })
    yield* entries
    if (entries.length < PAGE_LINES || nextCursor === null) return
    after = nextCursor
  }
}
