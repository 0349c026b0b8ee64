import { Option } from 'commander'
import type { Scope } from '../../access/index.ts'
import { type CommandFactory, command, plainCommand } from '../command.ts'
import { futureInstant, ids, several } from '../options.ts'
import { renderKeys } from '../render/store.ts'

/** `keys`: API keys. */
export const keysCommand: CommandFactory = (bind) =>
  plainCommand('keys', 'Make, list and revoke API keys')
    .addCommand(createCommand(bind))
    .addCommand(listCommand(bind))
    .addCommand(revokeCommand(bind))

const createCommand: CommandFactory = (bind) =>
  command('create', 'Make an API key and show it, once', [
    'keys create laptop',
    'keys create ci --scopes read --expires 30d --json',
  ])
    .argument('<name>', 'who or what uses it')
    .option('--scopes <names>', 'read, write, worker, admin (default: read,write)', several)
    .addOption(new Option('--expires <time>', 'when it ends, e.g. 30d (default: never)').argParser(futureInstant))
    .action(
      bind(
        async ({ backend, terminal }, name: string, { scopes, expires }: { scopes?: string[]; expires?: string }) => {
          const store = await backend()
          // What is no scope is refused by the operation, with the field's name.
          const made = await store.call('createApiKey', {
            name,
            scopes: scopes as Scope[] | undefined,
            expiresAt: expires,
          })
          await terminal.result(made, ({ key }) => key)
          terminal.note(`key #${made.id} for ${made.scopes.join(', ')}; it is shown only now, so keep it`)
        },
      ),
    )

const listCommand: CommandFactory = (bind) =>
  command('list', 'List the API keys, newest first', ['keys list', 'keys list --json']).action(
    bind(async ({ backend, terminal }) => {
      const store = await backend()
      await terminal.result(await store.call('listApiKeys', {}), renderKeys)
    }),
  )

const revokeCommand: CommandFactory = (bind) =>
  command('revoke', 'End API keys', ['keys revoke 3', 'keys revoke 3 4 --json'])
    .argument('<ids...>', 'the ids of the keys', ids)
    .action(
      bind(async ({ backend, terminal }, keyIds: number[]) => {
        const store = await backend()
        for (const id of keyIds) {
          await terminal.result(await store.call('revokeApiKey', { id }), () => `revoked key #${id}`)
        }
      }),
    )
