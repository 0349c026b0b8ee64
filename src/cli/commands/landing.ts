import { type CommandFactory, command } from '../command.ts'
import { wholeNumber } from '../options.ts'

interface LandingOptions {
  project?: string
  role?: string
  goal?: string
  maxTokens?: number
  fresh?: boolean
}

/** `landing`: what an agent that starts is given, byte for byte; the prompt, or with `--json` the context. */
export const landingCommand: CommandFactory = (bind) =>
  command('landing', 'Show what an agent is told when it starts', [
    'landing --project shop --role planner --goal "split the orders service"',
    'landing --max-tokens 300 --json',
  ])
    .option('-p, --project <name>', 'the project it works on')
    .option('--role <name>', 'its role, e.g. planner')
    .option('--goal <text>', 'what it is to do; knowledge is chosen by its words')
    .option('--max-tokens <count>', 'budget of the whole answer, 50 or more (default: 1000)', wholeNumber)
    .option('--fresh', 'read everything anew')
    .action(
      bind(async ({ backend, terminal }, options: LandingOptions) => {
        const store = await backend()
        const format = terminal.isJson ? 'json' : 'markdown'
        const context = await store.call('getLandingContext', { ...options, format })
        await (typeof context === 'string' ? terminal.print(context) : terminal.result(context, () => ''))
      }),
    )
