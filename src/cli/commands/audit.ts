import { Option } from 'commander'
import { type CommandFactory, command, plainCommand } from '../command.ts'
import { EXIT } from '../exit.ts'
import { pastInstant, wholeNumber } from '../options.ts'
import { renderActions, renderDetached, renderHead, renderVerification } from '../render/audit.ts'

/** Heads are read in pages of this many. */
const HEADS_PER_PAGE = 200

/** `audit`: the trail of everything that was done. */
export const auditCommand: CommandFactory = (bind) =>
  plainCommand('audit', 'Read, verify and retain the audit trail')
    .addCommand(listCommand(bind))
    .addCommand(verifyCommand(bind))
    .addCommand(headsCommand(bind))
    .addCommand(detachCommand(bind))

interface ListOptions {
  session?: string
  task?: string
  type?: string
  failed?: boolean
  since?: string
  limit?: number
  cursor?: string
}

const listCommand: CommandFactory = (bind) =>
  command('list', 'List what was done, newest first', [
    'audit list --session codex_developer_0a1b2c3d',
    'audit list --failed --since 24h --json',
  ])
    .option('--session <id>', 'only what was done in this session')
    .option('--task <id>', 'only what was done for this task')
    .option('--type <name>', 'only this type, e.g. command')
    .option('--failed', 'only what failed')
    .addOption(new Option('--since <time>', 'only what was done since, e.g. 24h or 2026-11-01').argParser(pastInstant))
    .option('-n, --limit <count>', 'rows at most, 1 to 200 (default: 50)', wholeNumber)
    .option('--cursor <cursor>', 'go on after the page that gave this cursor')
    .action(
      bind(async ({ backend, terminal }, { session, task, type, failed, ...rest }: ListOptions) => {
        const store = await backend()
        const success = failed === true ? false : undefined
        const input = { sessionId: session, taskId: task, actionType: type, success, ...rest }
        await terminal.result(await store.call('listActions', input), renderActions)
      }),
    )

const verifyCommand: CommandFactory = (bind) =>
  command(
    'verify',
    'Compute the hashes of the trail anew; ends with 1 and names the first broken row if there is one',
    ['audit verify', 'audit verify --session codex_developer_0a1b2c3d --json'],
  )
    .option('--session <id>', 'only the chain of this session')
    .action(
      bind(async (context, { session }: { session?: string }) => {
        const store = await context.backend()
        const verification = await store.call('verifyAudit', { sessionId: session })
        await context.terminal.result(verification, renderVerification)
        if (!verification.valid) context.exitCode = EXIT.failure
      }),
    )

const headsCommand: CommandFactory = (bind) =>
  command('heads', 'Print the end of every chain, to be kept where the trail is not', [
    'audit heads > heads-2026-11-25.txt',
    'audit heads --json > heads-2026-11-25.ndjson',
  ]).action(
    bind(async ({ backend, terminal }) => {
      const store = await backend()
      let cursor: string | undefined
      do {
        const page = await store.call('listAuditHeads', { limit: HEADS_PER_PAGE, cursor })
        for (const head of page.heads) await terminal.result(head, renderHead)
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
    }),
  )

const detachCommand: CommandFactory = (bind) =>
  command('detach', 'Take whole months out of the trail; their tables stay in the database, to be archived', [
    'audit detach --before 2026-01',
    'audit detach --before 2026-01 --json',
  ])
    .requiredOption('--before <month>', 'the first month that stays, e.g. 2026-01')
    .action(
      bind(async ({ backend, terminal }, { before }: { before: string }) => {
        const store = await backend()
        await terminal.result(await store.call('detachAudit', { before }), renderDetached)
      }),
    )
