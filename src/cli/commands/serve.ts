import type { DestinationStream } from 'pino'
import { VERSION } from '../../base/version.ts'
import type { Config } from '../../config.ts'
import type { Presence } from '../../orchestrator/index.ts'
import type { Turbo } from '../../turbo.ts'
import { embeddedPlace, openingNote } from '../backend.ts'
import { type CommandFactory, command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { Interrupted, unlessInterrupted } from '../exit.ts'
import { several, wholeNumber } from '../options.ts'
import { resolveConfig } from '../settings.ts'
import { workerSettings } from '../worker-settings.ts'

interface ServeOptions {
  host?: string
  port?: number
  /** True where the number was left to the setting. */
  workers?: number | true
  capabilities?: string[]
}

/** What a started server tells. */
interface Ready {
  url: string
  pid: number
  version: string
  engine: 'embedded' | 'postgres'
  dataDir: string | null
  embedder: string
}

/** `serve`: answers over HTTP until it is told to stop. */
export const serveCommand: CommandFactory = (bind) =>
  command('serve', 'Answer over HTTP until Ctrl-C; other commands on this machine then use this server', [
    'serve',
    'serve --port 9000 --data ./store',
  ])
    .option('--host <address>', 'address to listen on (default: 127.0.0.1); any other needs API keys')
    .option('--port <number>', 'port to listen on (default: 8780); 0 takes a free one', wholeNumber)
    .option(
      '--workers [number]',
      'also run tasks, so many at once, 1 to 64 (default: AGENT_TURBO_WORKER_CONCURRENCY, else 4)',
      wholeNumber,
    )
    .option(
      '--capabilities <names>',
      'with --workers, also tasks that need some of these (default: AGENT_TURBO_WORKER_CAPABILITIES, else none)',
      several,
    )
    .addHelpText(
      'after',
      '\nThe first Ctrl-C or SIGTERM lets requests in flight finish (10 seconds at most), a second one ends at once.',
    )
    .action(bind(serve))

async function serve(context: CommandContext, { host, port, workers, capabilities }: ServeOptions): Promise<void> {
  const { flags, terminal, signal } = context
  const config = await resolveConfig(flags, {
    ...{ AGENT_TURBO_HOST: host, AGENT_TURBO_PORT: port },
    AGENT_TURBO_WORKER_CONCURRENCY: workers === true ? undefined : workers,
    AGENT_TURBO_WORKER_CAPABILITIES: capabilities?.join(','),
  })
  const note = config.database.url === undefined ? openingNote(embeddedPlace(config.database.dataDir)) : null
  if (note !== null) terminal.note(note)

  const [{ createTurbo }, { createLog }] = await Promise.all([import('../../turbo.ts'), import('../../base/log.ts')])
  const log = createLog({ level: config.log.level, stream: await logStream() })
  // The embedded store opens in its own thread; what answers over HTTP is loaded meanwhile.
  const [turbo, { createHttpServer }] = await Promise.all([
    unlessInterrupted(signal, createTurbo(config, { log })),
    import('../../http/index.ts'),
  ])
  const http = createHttpServer({ turbo, config: config.http, log })
  try {
    await turbo.start()
    if (signal.aborted) throw new Interrupted()
    const url = reachableUrl((await http.start()).url)
    turbo.store.announce(url)
    await turbo.orchestrator.announce({ url, health: () => serviceHealth(turbo) })
    if (workers !== undefined) await (await turbo.openWorker(workerSettings(config))).start()
    await tellReady(context, await readyFacts(turbo, config, url))
    await aborted(signal)
    terminal.note('stopping: requests in flight may finish; a second Ctrl-C ends at once')
  } finally {
    turbo.store.announce(null)
    await http.stop()
    await turbo.stop()
  }
}

/** The server's health as that of a service. */
async function serviceHealth(turbo: Turbo): Promise<Awaited<ReturnType<Presence['health']>>> {
  const { status, database, embedder, backlog } = await turbo.health()
  if (status === 'ok') return { status: 'running', detail: null }
  const detail = database.detail ?? embedder.detail ?? (backlog > 0 ? 'items wait for their vectors' : 'starting')
  return { status: 'degraded', detail }
}

async function readyFacts({ store, knowledge }: Turbo, { database }: Config, url: string): Promise<Ready> {
  const { embedder } = await knowledge.health()
  return {
    url,
    pid: process.pid,
    version: VERSION,
    engine: store.engine,
    dataDir: store.engine === 'embedded' ? database.dataDir : null,
    embedder: embedder.name,
  }
}

/** A line for the person on standard error, or with `--json` one for the program on standard output. */
async function tellReady({ terminal }: CommandContext, ready: Ready): Promise<void> {
  if (terminal.isJson) return terminal.result(ready, () => '')
  const store = ready.dataDir === null ? 'PostgreSQL server' : `embedded store in ${ready.dataDir}`
  terminal.note(
    `Agent Turbo ${ready.version} is ready at ${ready.url} (${store}, embedder ${ready.embedder}); Ctrl-C stops it`,
  )
}

/** Lines for people on a terminal, JSON for collectors elsewhere. */
async function logStream(): Promise<DestinationStream | undefined> {
  if (!process.stderr.isTTY) return undefined
  const { default: pretty } = await import('pino-pretty')
  return pretty({ destination: 2, sync: true, colorize: true, ignore: 'pid', translateTime: 'SYS:HH:MM:ss' })
}

/** Bound to every address, this machine reaches the server by its loopback. */
export function reachableUrl(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
