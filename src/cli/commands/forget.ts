import { type CommandFactory, command } from '../command.ts'
import { ids } from '../options.ts'

/** `forget`: removes items, or ends them and keeps their history. */
export const forgetCommand: CommandFactory = (bind) =>
  command('forget', 'Remove items with their vectors and history for good', [
    'forget 12 13',
    'forget 12 --keep-history',
  ])
    .argument('<ids...>', 'the ids of the items', ids)
    .option('--keep-history', 'only expire them: no longer found, still shown by id')
    .addHelpText('after', '\nA document that is forgotten stays so when it is ingested again, until it changes.')
    .action(
      bind(async ({ backend, terminal }, itemIds: number[], { keepHistory = false }: { keepHistory?: boolean }) => {
        const store = await backend()
        for (const id of itemIds) {
          if (keepHistory) {
            const { expiresAt } = await store.call('patchKnowledge', { id, expiresAt: new Date().toISOString() })
            await terminal.result({ id, expiresAt }, () => `expired #${id}`)
          } else {
            await terminal.result(await store.call('eraseKnowledge', { id }), () => `erased #${id}`)
          }
        }
      }),
    )
