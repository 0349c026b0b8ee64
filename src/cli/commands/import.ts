import { stat } from 'node:fs/promises'
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
        if (file !== '-') await stat(file)
        const [backend, { parseInput, operations }] = await Promise.all([
          context.backend(),
          import('../../operations/index.ts'),
        ])
        const addKnowledge = operations[0]
        const progress = await createProgress(terminal, 'importing', 'lines')
        const onProgress = (lines: number) => progress.update(lines, lines)
        const report = await importLines(openInput(file), { backend, parseInput, addKnowledge }, onProgress).finally(
          () => progress.stop(),
        )
        await terminal.result(report, renderImport)
        if (report.failed > 0) context.exitCode = EXIT.failure
      }),
    )

function renderImport({ lines, created, duplicate, failed, failures }: ImportReport, { style }: View): string {
  const head = `${plural(lines, 'line')}: ${created} created, ${duplicate} known already, ${failed} failed`
  const shown = failures.slice(0, FAILURES_SHOWN_MAX)
  const told = shown.map(({ line, detail }) => `${style.red(`line ${line}`)} ${printable(detail)}`)
  const more = failed - shown.length
  return [head, ...told, ...(more > 0 ? [`and ${plural(more, 'failure')} more`] : [])].join('\n')
}
