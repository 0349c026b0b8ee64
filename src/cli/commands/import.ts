import { stat } from 'node:fs/promises'
import { must } from '../../base/assert.ts'
import { type CommandFactory, command } from '../command.ts'
import { EXIT } from '../exit.ts'
import { openInput } from '../input.ts'
import { createProgress } from '../progress.ts'
import { plural, printable } from '../render/text.ts'
import type { View } from '../terminal.ts'
import { type ImportReport, importLines } from '../transfer/import.ts'

const FAILURES_SHOWN_MAX = 20

/** `import`: adds the items of an export. */
export const importCommand: CommandFactory = (bind) =>
  command('import', 'Add the items of an export; known ones are left as they are', [
    'import knowledge.ndjson',
    'gunzip -c shop.ndjson.gz | agent-turbo import -',
  ])
    .argument('<file>', 'NDJSON: one item a line; - reads standard input')
    .addHelpText('after', '\nIds and times are those of this store; the original ones are kept in metadata.imported.')
    .action(
      bind(async (context, file: string) => {
        const { terminal } = context
        const bytes = file === '-' ? null : (await stat(file)).size
        const [backend, { parseInput, operations }] = await Promise.all([
          context.backend(),
          import('../../operations/index.ts'),
        ])
        const addKnowledge = must(
          operations.find(({ name }) => name === 'addKnowledge'),
          'there is an operation to add',
        )
        const progress = await createProgress(terminal, 'importing', 'kB')
        const input = counted(openInput(file), (read) => {
          if (bytes !== null) progress.update(Math.round(read / 1000), Math.round(bytes / 1000))
        })
        try {
          const report = await importLines(input, backend, (item) => parseInput(addKnowledge, item))
          progress.stop()
          await terminal.result(report, renderImport)
          if (report.failed > 0) context.exitCode = EXIT.failure
        } finally {
          progress.stop()
        }
      }),
    )

async function* counted(input: AsyncIterable<Buffer>, onBytes: (read: number) => void): AsyncGenerator<Buffer> {
  let read = 0
  for await (const chunk of input) {
    yield chunk
    read += chunk.length
    onBytes(read)
  }
}

function renderImport({ lines, created, duplicate, failed, failures }: ImportReport, { style }: View): string {
  const head = `${plural(lines, 'line')}: ${created} created, ${duplicate} known already, ${failed} failed`
  const shown = failures.slice(0, FAILURES_SHOWN_MAX)
  const told = shown.map(({ line, detail }) => `${style.red(`line ${line}`)} ${printable(detail)}`)
  const more = failed - shown.length
  return [head, ...told, ...(more > 0 ? [`and ${plural(more, 'failure')} more`] : [])].join('\n')
}
