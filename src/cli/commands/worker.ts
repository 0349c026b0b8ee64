import { TurboError } from '../../base/errors.ts'
import type { Config } from '../../config.ts'
import type { Turbo } from '../../turbo.ts'
import { type CommandFactory, command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { Interrupted } from '../exit.ts'
import { several, wholeNumber } from '../options.ts'
import { resolveConfig } from '../settings.ts'
import { workerSettings } from '../worker-settings.ts'

interface WorkerOptions {
  concurrency?: number
  platforms?: string[]
  roles?: string[]
  capabilities?: string[]
}

/** `worker`: runs tasks until it is told to stop. */
export const workerCommand: CommandFactory = (bind) =>
  command('worker', 'Run tasks from the queue of a PostgreSQL server until Ctrl-C', [
    'worker --concurrency 10',
    'worker --platforms claude_code,command --roles developer,tester',
  ])
    .option(
      '--concurrency <number>',
      'tasks at once, 1 to 64 (default: AGENT_TURBO_WORKER_CONCURRENCY, else 4)',
      wholeNumber,
    )
    .option('--platforms <names>', 'only these (default: every agent that is installed, and command)', several)
    .option('--roles <names>', 'only tasks for these roles, or for any', several)
    .option(
      '--capabilities <names>',
      'also tasks that need some of these (default: AGENT_TURBO_WORKER_CAPABILITIES, else none)',
      several,
    )
    .addHelpText(
      'after',
      `
The first Ctrl-C or SIGTERM lets runs end for 30 seconds, then hands their tasks back. A second one kills them at once;
their tasks go on elsewhere when their leases have run out, or here when a worker starts again.

An embedded store belongs to one process: there workers run inside the server, by \`agent-turbo serve --workers 4\`.`,
    )
    .action(bind(work))

async function work(
  context: CommandContext,
  { concurrency, platforms, roles, capabilities }: WorkerOptions,
): Promise<void> {
  const { flags, terminal, signal } = context
  const config = await resolveConfig(flags, {
    AGENT_TURBO_WORKER_CONCURRENCY: concurrency,
    AGENT_TURBO_WORKER_CAPABILITIES: capabilities?.join(','),
  })
  refuseEmbedded(config)
  const [{ createTurbo }, { createLog }] = await Promise.all([import('../../turbo.ts'), import('../../base/log.ts')])
  const turbo = await createTurbo(config, { log: createLog({ level: config.log.level }) })
  try {
    if (signal.aborted) throw new Interrupted()
    await turbo.start()
    await turbo.orchestrator.announce(null)
    await run(turbo, context, workerSettings(config, { platforms, roles }))
    terminal.note('the worker has stopped')
  } finally {
    await turbo.stop()
  }
}

/** Until the person, or somebody who drains the worker, wants it to end. */
async function run(turbo: Turbo, { terminal, signal }: CommandContext, settings: ReturnType<typeof workerSettings>) {
  const worker = await turbo.openWorker(settings)
  const { workerId, platforms } = await worker.start()
  if (terminal.isJson) await terminal.result({ workerId, platforms, concurrency: settings.concurrency }, () => '')
  terminal.note(
    `worker ${workerId} runs up to ${settings.concurrency} tasks at once: ${platforms.join(', ')}; Ctrl-C stops it`,
  )
  const interrupted = new Promise<void>((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await Promise.race([worker.ended, interrupted])
  if (signal.aborted) terminal.note('stopping: runs may end within 30 seconds; a second Ctrl-C kills them')
  await worker.stop()
}

function refuseEmbedded({ database }: Config): void {
  if (database.url !== undefined) return
  throw new TurboError(
    'invalid_input',
    'a worker of its own needs a PostgreSQL server: an embedded store belongs to one process',
    {
      next: 'Run `agent-turbo serve --workers 4` to run tasks inside the server, or set DATABASE_URL.',
    },
  )
}
