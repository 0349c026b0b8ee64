import { Option } from 'commander'
import { type CommandFactory, command } from '../command.ts'
import { decimal, type FilterOptions, filterOf, wholeNumber, withFilter } from '../options.ts'
import { degradedText, renderAnswer } from '../render/hits.ts'

interface QueryOptions extends FilterOptions {
  limit?: number
  mode?: 'hybrid' | 'vector' | 'text'
  minSimilarity?: number
  maxTokens?: number
  explain?: boolean
  full?: boolean
}

/** `query`: finds what was stored. */
export const queryCommand: CommandFactory = (bind) =>
  withFilter(
    command('query', 'Find what was stored, by meaning and by words, best first', [
      'query "how many connections does the pool hold"',
      'query ECONNRESET --project shop --since 7d --json',
    ]).argument('<question...>', 'what you want to know, or an exact identifier'),
  )
    .option('-n, --limit <count>', 'results at most, 1 to 100 (default: 5)', wholeNumber)
    .addOption(new Option('--mode <mode>', 'what is compared (default: hybrid)').choices(['hybrid', 'vector', 'text']))
    .option('--min-similarity <number>', 'drop what is less similar than this cosine', decimal)
    .option('--max-tokens <count>', 'budget in tokens for all texts together', wholeNumber)
    .option('--explain', 'show ranks, scores, timings, and why results were dropped')
    .option('--full', 'show every text in full')
    .action(
      bind(async ({ backend, terminal }, question: string[], options: QueryOptions) => {
        const { limit, mode, minSimilarity, maxTokens, explain, full = false } = options
        const store = await backend()
        const answer = await store.call('queryKnowledge', {
          query: question.join(' '),
          ...filterOf(options),
          limit,
          mode,
          minSimilarity,
          maxTokens,
          explain,
        })
        await terminal.result(answer, (value, view) => renderAnswer(value, view, full))
        if (answer.degraded) terminal.note(terminal.noteStyle.yellow(degradedText(answer.degraded)))
      }),
    )
