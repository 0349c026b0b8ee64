import { TurboError } from '../../base/errors.ts'
import type { Backend } from '../backend.ts'
import { type CommandFactory, command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { EXIT } from '../exit.ts'
import { type BacklogEnd, waitForVectors } from '../ingest/backlog.ts'
import type { Selection } from '../ingest/files.ts'
import { type IngestCounts, ingestFiles } from '../ingest/ingest.ts'
import { several } from '../options.ts'
import { createProgress } from '../progress.ts'
import { type IngestReport, renderIngest } from '../render/ingest.ts'
import { grouped, plural } from '../render/text.ts'

/** The operation's bound on the paths that still exist. */
const KEEP_PATHS_MAX = 100_000

interface IngestCommandOptions {
  source?: string
  project?: string
  scope?: string
  tag?: string[]
  prune?: boolean
  keepMissing?: boolean
  gitignore: boolean
  wait: boolean
}

/** `ingest`: reads documents into the store. */
export const ingestCommand: CommandFactory = (bind) =>
  command('ingest', 'Read documents: Markdown, text, HTML, source code, PDF', [
    'ingest docs --project shop',
    'ingest "src/**/*.ts" README.md --source code',
  ])
    .argument('<paths...>', 'files, folders, or patterns in quotes')
    .option('-s, --source <name>', "name of the collection (default: the folder's path)")
    .option('-p, --project <name>', 'the project it belongs to')
    .option('--scope <name>', 'namespace inside the project (default: global)')
    .option('-t, --tag <names>', 'tags for every document', several)
    .option('--prune', 'expire documents of the source that are not among the files (default for one folder)')
    .option('--keep-missing', 'never expire documents')
    .option('--no-gitignore', 'also take files that .gitignore leaves out')
    .option('--no-wait', 'do not wait until the documents are embedded')
    .addHelpText(
      'after',
      '\nUnchanged files are skipped, so an ingest that was cut off goes on where it ended when it is run again.',
    )
    .action(
      bind(async (context, paths: string[], options: IngestCommandOptions) => {
        if (options.prune && options.keepMissing) {
          throw new TurboError('invalid_input', '--prune and --keep-missing contradict each other', {
            next: 'Give one of them.',
          })
        }
        const { selectFiles } = await import('../ingest/files.ts')
        const selection = await selectFiles(paths, options)
        if (selection.files.length === 0 && selection.unreadable.length === 0) {
          throw new TurboError('not_found', 'there is no file to ingest', {
            next: 'Check the paths; --no-gitignore also takes what .gitignore leaves out.',
          })
        }
        const report = await ingest(context, selection, options)
        await context.terminal.result(report, renderIngest)
        if (report.failed > 0) context.exitCode = EXIT.failure
      }),
    )

async function ingest(
  context: CommandContext,
  selection: Selection,
  options: IngestCommandOptions,
): Promise<IngestReport> {
  const { terminal, signal } = context
  const source = options.source ?? selection.defaultSource
  const backend = await context.backend()
  const counts = await store(context, backend, selection, { ...options, source })
  counts.failed += selection.unreadable.length
  counts.failures.push(...selection.unreadable.map((path) => ({ path, detail: 'the folder cannot be read' })))
  const isPruned = !options.keepMissing && (options.prune || selection.isWholeFolder)
  const expired = isPruned ? await expireMissing(context, backend, selection, source, options.project) : 0
  const end = options.wait ? await waitForVectors(backend, terminal, signal) : null
  if (end !== null) terminal.note(endNote(end, backend))
  if (end?.because === 'interrupted' && backend.place.kind !== 'server') context.exitCode = EXIT.interrupted
  const { project = null } = options
  return { source, project, ...counts, expired, skipped: selection.skipped, backlog: end?.backlog ?? null }
}

async function store(
  { terminal }: CommandContext,
  backend: Backend,
  { files }: Selection,
  { source, project, scope, tag }: IngestCommandOptions & { source: string },
): Promise<IngestCounts> {
  const progress = await createProgress(terminal, 'storing', 'files')
  try {
    progress.update(0, files.length)
    return await ingestFiles(backend, files, { source, project, scope, tags: tag }, (done) =>
      progress.update(done, files.length),
    )
  } catch (error) {
    progress.stop()
    terminal.note('not finished; run the same command again to go on, what is stored is skipped')
    throw error
  } finally {
    progress.stop()
  }
}

async function expireMissing(
  { terminal }: CommandContext,
  backend: Backend,
  { files, unreadable }: Selection,
  source: string,
  project: string | undefined,
): Promise<number> {
  if (unreadable.length > 0) {
    terminal.note(`vanished files were not looked for: ${plural(unreadable.length, 'folder')} could not be read`)
    return 0
  }
  if (files.length > KEEP_PATHS_MAX) {
    terminal.note(`vanished files were not looked for: the source has more than ${grouped(KEEP_PATHS_MAX)} files`)
    return 0
  }
  const { expired } = await backend.call('expireVanishedDocuments', {
    source,
    project,
    keep: files.map(({ name }) => name),
  })
  return expired
}

function endNote({ backlog, because }: BacklogEnd, { place }: Backend): string {
  if (because === 'embedded') return 'every document is found by words and by meaning'
  const waiting = `${grouped(backlog)} items are found by words now, by meaning once they are embedded`
  if (because === 'embedder_unavailable') return `${waiting}; the embedder is away: \`agent-turbo doctor\` says why`
  return place.kind === 'server'
    ? `${waiting}; the server goes on with that`
    : `${waiting}; \`agent-turbo serve\`, or the same command again, goes on with that`
}
