import { type CommandFactory, command } from '../command.ts'
import { id } from '../options.ts'
import { renderItem } from '../render/items.ts'

/** `show`: one item in full. */
export const showCommand: CommandFactory = (bind) =>
  command('show', 'Show one item in full, also when it is superseded or expired', ['show 12', 'show 12 --history'])
    .argument('<id>', 'the id of the item', id)
    .option('--history', 'also what happened to it and to those it replaced')
    .action(
      bind(async ({ backend, terminal }, itemId: number, { history }: { history?: boolean }) => {
        const store = await backend()
        const item = await store.call('getKnowledge', { id: itemId })
        if (history !== true) return terminal.result(item, renderItem)
        const { items } = await store.call('getKnowledgeHistory', { id: itemId })
        await terminal.result({ ...item, history: items }, (value, view) => renderItem(value, view, value.history))
      }),
    )
