import type { InputOf } from '../../client/index.ts'
import { type CommandFactory, command, plainCommand } from '../command.ts'
import { wholeNumber } from '../options.ts'
import { renderService, renderServices } from '../render/nodes.ts'

/** `service`: what runs on the machines. */
export const serviceCommand: CommandFactory = (bind) =>
  plainCommand('service', 'Show and name the services that agents may use')
    .addCommand(listCommand(bind))
    .addCommand(showCommand(bind))
    .addCommand(putCommand(bind))

const listCommand: CommandFactory = (bind) =>
  command('list', 'List the services', ['service list', 'service list --json']).action(
    bind(async ({ backend, terminal }) => {
      const store = await backend()
      await terminal.result(await store.call('listServices', {}), renderServices)
    }),
  )

const showCommand: CommandFactory = (bind) =>
  command('show', 'Show a service', ['service show postgres', 'service show postgres --json'])
    .argument('<name>', 'the name of the service')
    .action(
      bind(async ({ backend, terminal }, name: string) => {
        const store = await backend()
        await terminal.result(await store.call('getService', { name }), renderService)
      }),
    )

type PutOptions = Omit<InputOf<'putService'>, 'name' | 'metadata'>

const putCommand: CommandFactory = (bind) =>
  command('put', 'Make a service known, change it, or say that it is still there', [
    'service put postgres --type database --port 5432 --node alpha',
    'service put embedder --status degraded --detail "answers slowly"',
  ])
    .argument('<name>', 'the name of the service')
    .option('--node <name>', 'the machine it runs on')
    .option('--type <name>', 'what it is, e.g. database')
    .option('--url <url>', 'where it answers')
    .option('--port <number>', 'the port it answers on', wholeNumber)
    .option('--version <version>', 'its version')
    .option('--status <status>', 'running, degraded, stopped or unknown (default: running)')
    .option('--detail <text>', 'why it is degraded or stopped')
    .action(
      bind(async ({ backend, terminal }, name: string, options: PutOptions) => {
        const store = await backend()
        await terminal.result(await store.call('putService', { name, ...options }), renderService)
      }),
    )
