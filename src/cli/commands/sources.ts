import { type CommandFactory, command } from '../command.ts'
import { renderSources } from '../render/store.ts'

/** `sources`: the collections of documents. */
export const sourcesCommand: CommandFactory = (bind) =>
  command('sources', 'List the collections of documents that were ingested', [
    'sources',
    'sources --project shop --json',
  ])
    .option('-p, --project <name>', 'only this project')
    .action(
      bind(async ({ backend, terminal }, { project }: { project?: string }) => {
        const store = await backend()
        await terminal.result(await store.call('listDocumentationSources', { project }), renderSources)
      }),
    )
