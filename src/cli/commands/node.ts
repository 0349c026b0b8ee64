import { type CommandFactory, command, plainCommand } from '../command.ts'
import { renderNode, renderNodes } from '../render/nodes.ts'

/** `node`: the machines. */
export const nodeCommand: CommandFactory = (bind) =>
  plainCommand('node', 'Show the machines that servers and workers run on')
    .addCommand(listCommand(bind))
    .addCommand(showCommand(bind))

const listCommand: CommandFactory = (bind) =>
  command('list', 'List the machines', ['node list', 'node list --json']).action(
    bind(async ({ backend, terminal }) => {
      const store = await backend()
      await terminal.result(await store.call('listNodes', {}), renderNodes)
    }),
  )

const showCommand: CommandFactory = (bind) =>
  command('show', 'Show what was measured on a machine', ['node show alpha', 'node show alpha --json'])
    .argument('<name>', 'the name of the machine')
    .action(
      bind(async ({ backend, terminal }, name: string) => {
        const store = await backend()
        await terminal.result(await store.call('getNode', { name }), renderNode)
      }),
    )
