import { type CommandFactory, command } from '../command.ts'
import { wholeNumber } from '../options.ts'
import { renderDocuments } from '../render/store.ts'

interface DocumentsOptions {
  source?: string
  project?: string
  limit?: number
  cursor?: string
}

/** `documents`: what was ingested. */
export const documentsCommand: CommandFactory = (bind) =>
  command('documents', 'List the documents that were ingested, with the items that hold them', [
    'documents --source docs',
    'documents --project shop --limit 200 --json',
  ])
    .option('-s, --source <name>', 'only this collection')
    .option('-p, --project <name>', 'only this project')
    .option('-n, --limit <count>', 'documents at most, 1 to 200 (default: 50)', wholeNumber)
    .option('--cursor <cursor>', 'go on after the page that gave this cursor')
    .action(
      bind(async ({ backend, terminal }, options: DocumentsOptions) => {
        const store = await backend()
        await terminal.result(await store.call('listDocuments', options), renderDocuments)
      }),
    )
