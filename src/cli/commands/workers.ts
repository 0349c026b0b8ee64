import { type CommandFactory, command, plainCommand } from '../command.ts'
import { renderDrained, renderWorkers } from '../render/workers.ts'

/** `workers`: who runs tasks. */
export const workersCommand: CommandFactory = (bind) =>
  plainCommand('workers', 'Show the workers, and let them end')
    .addCommand(listCommand(bind))
    .addCommand(drainCommand(bind))

const listCommand: CommandFactory = (bind) =>
  command('list', 'List the workers that were seen within a day', ['workers list', 'workers list --json']).action(
    bind(async ({ backend, terminal }) => {
      const store = await backend()
      await terminal.result(await store.call('listWorkers', {}), renderWorkers)
    }),
  )

const drainCommand: CommandFactory = (bind) =>
  command('drain', 'Let a worker end when its runs have ended', [
    'workers drain alpha/0c5d3f2a',
    'workers drain alpha/0c5d3f2a --json',
  ])
    .argument('<worker-id>', 'as `workers list` shows it')
    .action(
      bind(async ({ backend, terminal }, workerId: string) => {
        const store = await backend()
        await terminal.result(await store.call('drainWorker', { workerId }), renderDrained)
      }),
    )
