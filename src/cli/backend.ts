import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { TurboError } from '../base/errors.ts'
import { toWire } from '../base/wire.ts'
import type { InputOf, OutputOf, TaskLogEntry } from '../client/index.ts'
import type { Config } from '../config.ts'
import { readLock } from '../db/data-lock.ts'
import type { Operation, OperationName } from '../operations/index.ts'
import type { Turbo } from '../turbo.ts'
import { Interrupted, unlessInterrupted } from './exit.ts'

/** One answer of a server: a batch of documents may hold hours of scanned pages' text. */
const CALL_TIMEOUT_MS = 300_000

/** Where the verbs of a command run. */
export type Place =
  | { kind: 'server'; url: string /** Set where the server was found by its data folder. */; dataDir?: string }
  | { kind: 'postgres' }
  | { kind: 'embedded'; dataDir: string; isNew: boolean }

/** The verbs, wherever they run: both ways take and give the same shapes and fail with the same errors. */
export interface Backend {
  readonly place: Place
  /** The store that this process has opened; null where a server has it. */
  readonly turbo: Turbo | null
  call<Name extends OperationName>(name: Name, input: InputOf<Name>): Promise<OutputOf<Name>>
  /** What the runs of a task say, as they say it; ends when the task has. */
  followTaskLog(input: { taskId: string; cursor?: string }): AsyncIterable<TaskLogEntry>
  /** Closes what this process opened. Idempotent. */
  close(): Promise<void>
}

export interface BackendOptions {
  /** Aborted when the person wants to stop: calls then reject with {@link Interrupted}. */
  signal: AbortSignal
  /** Log what the opened store does, to standard error. */
  verbose?: boolean
}

/**
 * A server that is named; else the database that is named; else the server that has the data folder; else the folder
 * itself.
 *
 * @throws TurboError `store_locked` when a process that serves nobody has the data folder
 */
export function choosePlace({ client, database }: Config): Place {
  if (client.url !== undefined) return { kind: 'server', url: client.url }
  if (database.url !== undefined) return { kind: 'postgres' }
  const { dataDir } = database
  const owner = readLock(dataDir)
  if (owner === null) return embeddedPlace(dataDir)
  if (owner.url === null) {
    throw new TurboError('store_locked', `the data folder ${dataDir} is in use by process ${owner.pid}`, {
      next: `Wait for it to end, or start \`agent-turbo serve\` first, which any number of commands can share.`,
    })
  }
  if (owner.hostname !== hostname()) {
    throw new TurboError('store_locked', `the data folder ${dataDir} is served by ${owner.hostname}, another host`, {
      next: 'Set AGENT_TURBO_URL to an address of that server that this host can reach.',
    })
  }
  return { kind: 'server', url: owner.url, dataDir }
}

/** The embedded store in `dataDir`, which need not exist yet. */
export function embeddedPlace(dataDir: string): Place & { kind: 'embedded' } {
  return { kind: 'embedded', dataDir, isNew: !existsSync(join(dataDir, 'postgres')) }
}

/** What a person is told where opening takes a while. */
export function openingNote(place: Place): string | null {
  return place.kind === 'embedded' && place.isNew
    ? `initialising a new store in ${place.dataDir} (once, a few seconds)`
    : null
}

/** Connects to the server of `place`, or opens its store in this process. */
export function openBackend(place: Place, config: Config, options: BackendOptions): Promise<Backend> {
  return place.kind === 'server' ? openServer(place, config, options) : openStore(place, config, options)
}

async function openServer(
  place: Place & { kind: 'server' },
  { client }: Config,
  { signal }: BackendOptions,
): Promise<Backend> {
  const { createClient } = await import('../client/index.ts')
  const remote = createClient({ url: place.url, apiKey: client.apiKey, timeoutMs: CALL_TIMEOUT_MS })
  return {
    place,
    turbo: null,
    async call(name, input) {
      const method = remote[name] as (
        input: unknown,
        options: { signal: AbortSignal },
      ) => Promise<OutputOf<typeof name>>
      try {
        return await method(input, { signal })
      } catch (error) {
        throw signal.aborted ? new Interrupted() : error
      }
    },
    async *followTaskLog(input) {
      try {
        yield* remote.followTaskLog(input, { signal })
      } catch (error) {
        throw signal.aborted ? new Interrupted() : error
      }
    },
    close: async () => undefined,
  }
}

/** Verbs that make vectors or tell about them; the others need not wait for an embedder to load. */
const NEEDS_EMBEDDER: ReadonlySet<OperationName> = new Set<OperationName>([
  'addKnowledge',
  'addKnowledgeBatch',
  'queryKnowledge',
  'ingestDocuments',
  'getEmbeddings',
  'useEmbeddings',
  'getHealth',
])

/** Opens the store of `place` in this process. */
async function openStore(
  place: Place & { kind: 'postgres' | 'embedded' },
  config: Config,
  { signal, verbose = false }: BackendOptions,
): Promise<Backend> {
  const [{ createTurbo }, { operations, parseInput }, { SCOPES }, { createLog }] = await Promise.all([
    import('../turbo.ts'),
    import('../operations/index.ts'),
    import('../access/index.ts'),
    import('../base/log.ts'),
  ])
  const log = createLog({ level: verbose ? config.log.level : 'error' })
  const turbo = await unlessInterrupted(signal, createTurbo(config, { log }))
  const byName = new Map<OperationName, unknown>(operations.map((operation) => [operation.name, operation]))
  const context = { principal: { id: 'local', scopes: SCOPES } }

  const run = async (name: OperationName, input: unknown): Promise<unknown> => {
    const operation = byName.get(name) as Operation
    const parsed = parseInput(operation, toWire(input))
    if (NEEDS_EMBEDDER.has(name)) await turbo.start()
    return operation.run(turbo, parsed, context)
  }
  return {
    place,
    turbo,
    call: (name, input) => unlessInterrupted(signal, run(name, input) as Promise<OutputOf<typeof name>>),
    followTaskLog: (input) => followStored(turbo, input, signal),
    close: () => turbo.stop(),
  }
}

async function* followStored(
  turbo: Turbo,
  { taskId, cursor }: { taskId: string; cursor?: string },
  signal: AbortSignal,
) {
  for await (const told of await turbo.orchestrator.taskLog.follow(taskId, { cursor, signal })) {
    if (told.kind === 'entry') yield told.entry
  }
  if (signal.aborted) throw new Interrupted()
}
