import { type AccessService, createAccess } from './access/index.ts'
import { isTurboError } from './base/errors.ts'
import { createLog, type Log } from './base/log.ts'
import { createLoop } from './base/loop.ts'
import { VERSION } from './base/version.ts'
import { type Config, loadConfig } from './config.ts'
import { openDatabase, type Store } from './db/index.ts'
import { countTokens, createKnowledge, type Embedder, type EmbedderConfig, type Knowledge } from './knowledge/index.ts'
import { createOrchestrator, type Orchestrator, type WrittenKnowledge } from './orchestrator/index.ts'
import type { Worker, WorkerServices, WorkerSettings } from './worker/index.ts'

/** How often the store is asked for the numbers that health shows. */
const HEALTH_MS = 1_000
/** What the history of a session shows of each item that the session wrote. */
const HISTORY_CHARS = 500
/** Items that a task is shown before they are fitted into its prompt, and how much of the task is asked about. */
const RECALL_ITEMS = 8
const RECALL_QUERY_CHARS = 2_000

/** What the service knows of itself without asking anything that may block. */
export interface Health {
  /** `degraded`: answers are worse than they could be (embedder away, backlog); `unavailable`: the store does not answer. */
  status: 'ok' | 'degraded' | 'unavailable'
  version: string
  engine: 'embedded' | 'postgres'
  uptimeSeconds: number
  database: { reachable: boolean; detail?: string }
  embedder: { name: string; reachable: boolean; detail?: string }
  /** Items stored but not yet embedded. */
  backlog: number
}

/** Everything the product does, over one store. */
export interface Turbo {
  knowledge: Knowledge
  orchestrator: Orchestrator
  access: AccessService
  /** The last known state, at once. Never throws. */
  health(): Promise<Health>
  /** The open database, for inspection and for announcing a server's address. */
  store: Store
  /** A worker on this store, not started yet; {@link stop} stops it too. */
  openWorker(settings: WorkerSettings): Promise<Worker>
  /** Starts what runs in the background. Called twice, it starts once. */
  start(): Promise<void>
  /** Ends the background work and closes the store. Idempotent. */
  stop(): Promise<void>
}

export interface TurboOptions {
  /** Default: warnings and errors, to standard error. */
  log?: Log
  /** An embedder made elsewhere, e.g. one that replays vectors in a benchmark; wins over the configuration. */
  embedder?: Embedder
}

/**
 * Opens the configured store, migrates it and composes the domains over it; `start` sets the background work going.
 *
 * @example
 * const turbo = await createTurbo()
 * await turbo.start()
 * await turbo.knowledge.add({ content: 'Migrations run under an advisory lock.' })
 * const { results } = await turbo.knowledge.query({ query: 'how are migrations serialised?' })
 * await turbo.stop()
 *
 * @param config default {@link loadConfig}: the environment and the config file
 * @throws TurboError `invalid_input`, `store_locked`, `unavailable` or `internal` when the store cannot be opened
 */
export async function createTurbo(
  config: Pick<Config, 'database' | 'embedder'> = loadConfig(),
  { log = createLog({ level: 'warn' }), embedder }: TurboOptions = {},
): Promise<Turbo> {
  const store = await openDatabase({
    ...config.database,
    log: (event, facts, level = 'info') => log[level](facts, event),
  })
  try {
    return await compose(store, config, log, embedder)
  } catch (error) {
    await store.stop()
    throw error
  }
}

async function compose(
  store: Store,
  config: Pick<Config, 'embedder'>,
  log: Log,
  customEmbedder: Embedder | undefined,
): Promise<Turbo> {
  const { knowledge, orchestrator } = await createDomains(store, config, log, customEmbedder)
  const access = createAccess({ db: store, log })
  const startedAt = performance.now()
  let seen: Pick<Health, 'database' | 'embedder' | 'backlog'> = {
    database: { reachable: true },
    embedder: { name: config.embedder.kind ?? 'builtin', reachable: false, detail: 'starting' },
    backlog: 0,
  }
  const watch = createLoop({
    name: 'health',
    idleMs: HEALTH_MS,
    log,
    step: async () => {
      try {
        seen = { database: { reachable: true }, ...(await knowledge.health()) }
        await access.sweepIdempotency()
      } catch (error) {
        const detail = isTurboError(error) ? error.message : 'the store does not answer'
        if (seen.database.reachable) log.warn({ err: error }, 'the store does not answer')
        seen = { ...seen, database: { reachable: false, detail } }
      }
      return false
    },
  })
  let starting: Promise<void> | undefined
  let stopping: Promise<void> | undefined
  const pool = createPool(workerServices(store, knowledge, orchestrator, log))

  return {
    knowledge,
    orchestrator,
    access,
    store,
    openWorker: (settings) => pool.open(settings),
    async health() {
      const { database, embedder: current, backlog } = seen
      const degraded = !current.reachable || backlog > 0
      return {
        status: database.reachable ? (degraded ? 'degraded' : 'ok') : 'unavailable',
        version: VERSION,
        engine: store.engine,
        uptimeSeconds: Math.round((performance.now() - startedAt) / 1000),
        database,
        embedder: current,
        backlog,
      }
    },
    start() {
      starting ??= Promise.all([knowledge.start(), orchestrator.start()]).then(() => watch.start())
      return starting
    },
    stop() {
      stopping ??= (async () => {
        await pool.stop()
        await watch.stop()
        await orchestrator.stop()
        await knowledge.stop().finally(() => store.stop())
      })()
      return stopping
    },
  }
}

/** The domains that work on one store; what one needs of another is handed over here. */
async function createDomains(
  db: Store,
  config: Pick<Config, 'embedder'>,
  log: Log,
  customEmbedder: Embedder | undefined,
): Promise<Pick<Turbo, 'knowledge' | 'orchestrator'>> {
  const { kind, url, apiKey, ...rest } = config.embedder
  const embedder: EmbedderConfig | undefined = kind && { kind, url, apiKey, ...rest }
  const knowledge = await createKnowledge({
    ...{ db, log, embedder, embedderAccess: { url, apiKey }, customEmbedder },
    onWrite: () => orchestrator.landing.changed(['knowledge']),
  })
  const orchestrator = createOrchestrator({
    ...{ db, log, countTokens, writtenKnowledge: writtenBy(knowledge) },
    recall: (landing) => knowledge.recall(landing),
  })
  return { knowledge, orchestrator }
}

/** The workers of this process. */
function createPool(services: WorkerServices) {
  const workers: Worker[] = []
  return {
    async open(settings: WorkerSettings): Promise<Worker> {
      // Servers without workers need nothing of it.
      const { createWorker } = await import('./worker/index.ts')
      const worker = createWorker(settings, services)
      workers.push(worker)
      return worker
    },
    stop: () => Promise.all(workers.map((worker) => worker.stop())),
  }
}

/** What a worker needs of the store and the domains. */
function workerServices(store: Store, knowledge: Knowledge, orchestrator: Orchestrator, log: Log): WorkerServices {
  const { queue, workers, accounts, tasks, taskLog } = orchestrator
  return {
    ...{ log, queue, workers, accounts, tasks, taskLog, countTokens },
    listen: (channel, handlers) => store.listen(channel, handlers),
    async recall({ text, project }) {
      const query = text.slice(0, RECALL_QUERY_CHARS).replace(/[\ud800-\udbff]$/, '')
      const { results } = await knowledge.query({ query, limit: RECALL_ITEMS, ...(project !== null && { project }) })
      return results.map(({ title, content }) => ({ title, content }))
    },
  }
}

/** The items that a session wrote, shortened. */
function writtenBy(knowledge: Knowledge): WrittenKnowledge {
  return async (session, { limit, cursor }) => {
    const { items, nextCursor } = await knowledge.list({ source: { session }, includeHistory: true, limit, cursor })
    return {
      nextCursor,
      items: items.map(({ id, title, knowledgeType, content, createdAt }) => {
        // Never half a character.
        const beginning = content.slice(0, HISTORY_CHARS).replace(/[\ud800-\udbff]$/, '')
        return { id, title, knowledgeType, content: beginning, createdAt }
      }),
    }
  }
}
