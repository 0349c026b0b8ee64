import { Option } from 'commander'
import { TurboError } from '../../base/errors.ts'
import type { OutputOf } from '../../client/index.ts'
import { type CommandFactory, command } from '../command.ts'
import { readText } from '../input.ts'
import { decimal, futureInstant, id, jsonObject, several } from '../options.ts'
import { plural } from '../render/text.ts'

interface AddOptions {
  file?: string
  title?: string
  type?: string
  category?: string
  tag?: string[]
  project?: string
  scope?: string
  metadata?: Record<string, unknown>
  importance?: number
  expires?: string
  supersedes?: number
  session?: string
  task?: string
  agent?: string
  sourceUrl?: string
  commit?: string
}

/** `add`: stores one text. */
export const addCommand: CommandFactory = (bind) =>
  command('add', 'Store one text: an argument, a file or standard input', [
    'add "The pool holds ten connections" --type fact --tag database',
    'add --file notes.md --project shop --title "Deploy notes"',
  ])
    .argument('[text...]', 'the text; - reads standard input')
    .option('-f, --file <path>', 'read the text from a file')
    .option('--title <title>', 'a title, which is searched too')
    .option('--type <name>', 'short word such as solution, pattern, error, fact (default: note)')
    .option('--category <name>', 'a category')
    .option('-t, --tag <names>', 'tags', several)
    .option('-p, --project <name>', 'the project it belongs to')
    .option('--scope <name>', 'namespace inside the project (default: global)')
    .option('--metadata <json>', 'a JSON object of your own', jsonObject)
    .option('--importance <number>', '0 to 1 (default: 0.5)', decimal)
    .addOption(new Option('--expires <time>', 'not found from then on, e.g. 30d').argParser(futureInstant))
    .option('--supersedes <id>', 'the item that this one replaces', id)
    .option('--session <id>', 'the session it comes from')
    .option('--task <id>', 'the task it comes from')
    .option('--agent <name>', 'the agent it comes from')
    .option('--source-url <url>', 'the page it comes from')
    .option('--commit <hash>', 'the commit it comes from')
    .action(
      bind(async ({ backend, terminal }, words: string[], options: AddOptions) => {
        const content = await contentOf(words, options.file)
        const store = await backend()
        const added = await store.call('addKnowledge', inputOf(content, options))
        await terminal.result(added, renderAdded)
      }),
    )

function contentOf(words: string[], file: string | undefined): string | Promise<string> {
  if (file !== undefined && words.length > 0) {
    throw new TurboError('invalid_input', 'both a text and --file are given', { next: 'Give one of them.' })
  }
  if (file !== undefined) return readText(file)
  const isPiped = words.length === 0 && !process.stdin.isTTY
  if (isPiped || (words.length === 1 && words[0] === '-')) return readText('-')
  if (words.length > 0) return words.join(' ')
  throw new TurboError('invalid_input', 'there is no text to store', {
    next: 'Give it as an argument, with --file, or through standard input.',
  })
}

function inputOf(content: string, options: AddOptions) {
  const { title, category, project, scope, metadata, importance, supersedes } = options
  const { session, task, agent, sourceUrl: url, commit } = options
  const source = { session, task, agent, url, commit }
  const hasSource = Object.values(source).some((value) => value !== undefined)
  return {
    content,
    title,
    knowledgeType: options.type,
    category,
    tags: options.tag,
    project,
    scope,
    metadata,
    importance,
    expiresAt: options.expires,
    supersedes,
    source: hasSource ? source : undefined,
  }
}

function renderAdded({ id: itemId, status, chunks, embedding }: OutputOf<'addKnowledge'>): string {
  if (status === 'duplicate') return `known already as #${itemId}`
  const later = embedding === 'pending' ? '; found by words now, by meaning once it is embedded' : ''
  return `added #${itemId} (${plural(chunks, 'chunk')}${later})`
}
