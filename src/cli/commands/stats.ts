import { type CommandFactory, command } from '../command.ts'
import { renderStats } from '../render/store.ts'

/** `stats`: measured sizes. */
export const statsCommand: CommandFactory = (bind) =>
  command('stats', 'Show sizes and counts of the store, its vectors and its cache', ['stats', 'stats --json']).action(
    bind(async ({ backend, terminal }) => {
      const store = await backend()
      await terminal.result(await store.call('getStats', {}), renderStats)
    }),
  )
