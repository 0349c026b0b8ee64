import { type CommandFactory, command } from '../command.ts'
import { type FilterOptions, filterOf, withFilter } from '../options.ts'
import { createProgress } from '../progress.ts'
import { plural } from '../render/text.ts'
import { exportItems, intoFile, type LineSink } from '../transfer/export.ts'

interface ExportOptions extends FilterOptions {
  output?: string
  history?: boolean
}

/** `export`: items as NDJSON. */
export const exportCommand: CommandFactory = (bind) =>
  withFilter(
    command('export', 'Write items as NDJSON, newest first, with all their fields', [
      'export --output knowledge.ndjson',
      'export --project shop --history | gzip > shop.ndjson.gz',
    ]),
  )
    .option('-o, --output <path>', 'write to a file, which appears when it is complete')
    .option('--history', 'also superseded and expired items')
    .action(
      bind(async ({ backend, terminal }, options: ExportOptions) => {
        const { output, history } = options
        const store = await backend()
        const filter = { ...filterOf(options), includeHistory: history }
        const isWhole = Object.values(filter).every((value) => value === undefined)
        const total = isWhole ? (await store.call('getStats', {})).current : 0
        const progress = await createProgress(terminal, 'exporting', 'items')
        const write = (sink: LineSink) =>
          exportItems(store, filter, sink, (done) => progress.update(done, Math.max(done, total)))
        try {
          if (output === undefined) {
            // The lines are the result: a summary, even as JSON, would be one line too many.
            await write((text) => terminal.print(text))
          } else {
            const items = await intoFile(output, write)
            progress.stop()
            await terminal.result({ items, output }, () => `wrote ${plural(items, 'item')} to ${output}`)
          }
        } finally {
          progress.stop()
        }
      }),
    )
