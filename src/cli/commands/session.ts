import { Option } from 'commander'
import type { InputOf } from '../../client/index.ts'
import { type CommandFactory, command, plainCommand } from '../command.ts'
import { jsonObject, pastInstant, wholeNumber } from '../options.ts'
import { renderHistory, renderSession, renderSessionLine, renderSessions } from '../render/sessions.ts'

type Status = NonNullable<InputOf<'patchSession'>['status']>

/** `session`: runs of agents. */
export const sessionCommand: CommandFactory = (bind) =>
  plainCommand('session', 'Start, list, look at and end sessions of agents')
    .addCommand(startCommand(bind))
    .addCommand(listCommand(bind))
    .addCommand(showCommand(bind))
    .addCommand(historyCommand(bind))
    .addCommand(statusCommand('pause', 'Pause sessions until they are resumed', 'paused')(bind))
    .addCommand(statusCommand('resume', 'Resume paused or idle sessions', 'active')(bind))
    .addCommand(statusCommand('complete', 'End sessions that have reached their goal', 'completed')(bind))

interface StartOptions {
  project?: string
  goal?: string
  title?: string
  parent?: string
  maxTokens?: number
  metadata?: Record<string, unknown>
  confirmNames?: boolean
}

const startCommand: CommandFactory = (bind) =>
  command('start', 'Start a session and show what its agent must know', [
    'session start codex developer --project shop --goal "a faster checkout"',
    'session start claude_code planner --json',
  ])
    .argument('<platform>', 'claude_code, codex, gemini, cursor, opencode, openai, n8n, human, or your own')
    .argument('<role>', 'planner, executor, validator, auditor, researcher, developer, orchestrator, or your own')
    .option('-p, --project <name>', 'the project it works on')
    .option('--goal <text>', 'what is to be reached')
    .option('--title <text>', 'how lists call it')
    .option('--parent <session>', 'the session that delegated to it')
    .option('--max-tokens <count>', 'budget of what its agent is told', wholeNumber)
    .option('--metadata <json>', 'a JSON object of your own', jsonObject)
    .option('--confirm-names', 'take platform and role as they are, also where they are nearly a known name')
    .action(
      bind(async ({ backend, terminal }, agentPlatform: string, agentRole: string, options: StartOptions) => {
        const { parent: parentSessionId, ...rest } = options
        const store = await backend()
        const input = { agentPlatform, agentRole, parentSessionId, ...rest }
        await terminal.result(await store.call('createSession', input), renderSession)
      }),
    )

interface ListOptions {
  status?: Status
  platform?: string
  role?: string
  project?: string
  parent?: string
  since?: string
  limit?: number
  cursor?: string
}

const listCommand: CommandFactory = (bind) =>
  command('list', 'List sessions, newest first', [
    'session list --status active',
    'session list --project shop --since 7d --json',
  ])
    .option('--status <status>', 'active, idle, paused, completed or failed')
    .option('--platform <name>', 'only this platform')
    .option('--role <name>', 'only this role')
    .option('-p, --project <name>', 'only this project')
    .option('--parent <session>', 'only those that this session delegated to')
    .addOption(new Option('--since <time>', 'only those created since, e.g. 7d or 2026-11-01').argParser(pastInstant))
    .option('-n, --limit <count>', 'sessions at most, 1 to 200 (default: 50)', wholeNumber)
    .option('--cursor <cursor>', 'go on after the page that gave this cursor')
    .action(
      bind(async ({ backend, terminal }, { platform, role, parent, ...rest }: ListOptions) => {
        const store = await backend()
        const input = { agentPlatform: platform, agentRole: role, parentSessionId: parent, ...rest }
        await terminal.result(await store.call('listSessions', input), renderSessions)
      }),
    )

const showCommand: CommandFactory = (bind) =>
  command('show', 'Show a session and what its agent was told', [
    'session show codex_developer_0a1b2c3d',
    'session show codex_developer_0a1b2c3d --json',
  ])
    .argument('<session>', 'the id of the session')
    .action(
      bind(async ({ backend, terminal }, sessionId: string) => {
        const store = await backend()
        await terminal.result(await store.call('getSession', { sessionId }), renderSession)
      }),
    )

const historyCommand: CommandFactory = (bind) =>
  command('history', 'Show what happened in a session: tasks, actions, conversation, knowledge, artifacts', [
    'session history codex_developer_0a1b2c3d',
    'session history codex_developer_0a1b2c3d --limit 200 --json',
  ])
    .argument('<session>', 'the id of the session')
    .option('-n, --limit <count>', 'rows of each list at most, 1 to 200 (default: 50)', wholeNumber)
    .option('--cursor <cursor>', 'go on after the page that gave this cursor')
    .action(
      bind(async ({ backend, terminal }, sessionId: string, { limit, cursor }: { limit?: number; cursor?: string }) => {
        const store = await backend()
        await terminal.result(await store.call('getSessionHistory', { sessionId, limit, cursor }), renderHistory)
      }),
    )

/** A command that gives sessions a status. */
function statusCommand(name: string, summary: string, status: Status): CommandFactory {
  return (bind) =>
    command(name, summary, [
      `session ${name} codex_developer_0a1b2c3d`,
      `session ${name} codex_developer_0a1b2c3d codex_developer_4e5f6a7b --json`,
    ])
      .argument('<sessions...>', 'the ids of the sessions')
      .action(
        bind(async ({ backend, terminal }, sessionIds: string[]) => {
          const store = await backend()
          for (const sessionId of sessionIds) {
            await terminal.result(await store.call('patchSession', { sessionId, status }), renderSessionLine)
          }
        }),
      )
}
