import { type CommandFactory, command } from '../command.ts'
import { type FilterOptions, filterOf, wholeNumber, withFilter } from '../options.ts'
import { renderList } from '../render/items.ts'

interface ListOptions extends FilterOptions {
  limit?: number
  cursor?: string
  history?: boolean
}

/** `list`: items newest first. */
export const listCommand: CommandFactory = (bind) =>
  withFilter(
    command('list', 'List items, newest first', ['list --type solution --limit 50', 'list --project shop --json']),
  )
    .option('-n, --limit <count>', 'items at most, 1 to 200 (default: 20)', wholeNumber)
    .option('--cursor <cursor>', 'go on after the page that gave this cursor')
    .option('--history', 'also superseded and expired items')
    .action(
      bind(async ({ backend, terminal }, options: ListOptions) => {
        const { limit, cursor, history } = options
        const store = await backend()
        const page = await store.call('listKnowledge', {
          ...filterOf(options),
          limit,
          cursor,
          includeHistory: history,
        })
        await terminal.result(page, renderList)
      }),
    )
