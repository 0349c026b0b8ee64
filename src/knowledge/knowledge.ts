import { TurboError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Database } from '../db/executor.ts'
import { createBacklog } from './background/backlog.ts'
import { Maintenance } from './background/maintenance.ts'
import { AnswerCache } from './cache.ts'
import { ingest } from './documents/ingest.ts'
import { expireMissing, listDocumentSources } from './documents/queries.ts'
import { createEmbedder, type Embedder, type EmbedderConfig, withVectorCache } from './embedders/index.ts'
import { createReader, type Reader } from './reading/reader.ts'
import { query } from './search/query.ts'
import type { KnowledgeService, ReembedStatus } from './service.ts'
import { findActiveSpace, listSpaces, pendingItems } from './spaces/queries.ts'
import { reembed } from './spaces/reembed.ts'
import { EmbeddingSpaces } from './spaces/spaces.ts'
import { type AddContext, add, addBatch } from './store/add.ts'
import { erase, get, history, list, patch } from './store/items.ts'
import { countAll } from './store/queries.ts'
import type { KnowledgeStats, QueryResult } from './types.ts'

/** Channel on which the store tells every process that something was written. */
const CHANGED = 'knowledge_changed'

export interface KnowledgeOptions {
  db: Database
  log: Log
  /** How vectors are made; without it, as the store's active space says, or by the built-in embedder. */
  embedder?: EmbedderConfig
  /** Key for an HTTP embedder that the store itself names. */
  embedderKey?: string
  /** An embedder made elsewhere; wins over `embedder`. */
  customEmbedder?: Embedder
}

export interface KnowledgeHealth {
  embedder: { name: string; reachable: boolean; detail?: string }
  backlog: number
}

/** The knowledge domain with what runs behind it. */
export interface Knowledge extends KnowledgeService {
  start(): Promise<void>
  stop(): Promise<void>
  health(): Promise<KnowledgeHealth>
  counters(): { exactReruns: number; cacheHits: number; cacheMisses: number }
}

/** Composes the verbs of knowledge over one store. Does no I/O until `start`, beyond asking which embedder to make. */
export async function createKnowledge(options: KnowledgeOptions): Promise<Knowledge> {
  const { db, log } = options
  const reader: Reader = createReader()
  const cache = new AnswerCache<QueryResult>()
  const counters = { exactReruns: 0 }
  const embedder = withVectorCache(options.customEmbedder ?? createEmbedder(await chooseEmbedder(options)))
  const spaces = new EmbeddingSpaces({ db, embedder, log, onReady: () => backlog.wake() })
  const wrote = () => {
    cache.invalidate()
    maintenance.wake()
    backlog.wake()
  }
  const backlog = createBacklog({ db, spaces, log, onWrite: () => cache.invalidate() })
  const maintenance = new Maintenance({ db, spaces, log, onWrite: () => cache.invalidate() })
  const adding: AddContext = { db, spaces, reader, log, onWrite: wrote }
  const reembedding = new Reembedding(options, spaces, wrote)
  let unlisten: (() => Promise<void>) | undefined

  return {
    async start() {
      unlisten = await db.listen(CHANGED, {
        onNotify: () => cache.invalidate(),
        onGap: () => cache.invalidate(),
        onState: (connected) => cache.setNotified(connected),
      })
      cache.setNotified(true)
      await spaces.refresh()
      spaces.start()
      maintenance.start()
      backlog.start()
    },
    async stop() {
      await reembedding.stop()
      await Promise.all([backlog.stop(), maintenance.stop()])
      await unlisten?.()
      await Promise.all([spaces.stop(), reader.stop()])
    },

    add: (input) => add(adding, input),
    addBatch: (input) => addBatch(adding, input),
    query: (input) => query({ db, spaces, cache, counters, onAccess: (ids) => maintenance.recordAccess(ids) }, input),
    get: (id) => get(db, id),
    list: (input) => list(db, input),
    async patch(id, input) {
      const item = await patch(db, id, input)
      wrote()
      return item
    },
    async erase(id) {
      const erased = await erase(db, id)
      wrote()
      return erased
    },
    history: (id) => history(db, id),
    ingest: (input) => ingest(adding, input),
    listSources: async ({ project }) => ({ sources: await listDocumentSources(db, project) }),
    async expireVanished({ source, project, keep }) {
      const expired = await expireMissing(db, project ?? null, source, keep)
      if (expired > 0) wrote()
      return { expired }
    },
    async embeddings() {
      const [known, waiting] = await Promise.all([listSpaces(db), pendingItems(db)])
      return {
        spaces: known.map(({ id, model, dimensions, prefixScheme, status, vectors }) => {
          return { id, model, dimensions, prefixScheme, active: status === 'active', vectors }
        }),
        backlog: waiting,
        reembedding: reembedding.status,
      }
    },
    useEmbeddings: (input) => reembedding.begin(input),

    async stats(): Promise<KnowledgeStats> {
      const [counts, known] = await Promise.all([countAll(db), listSpaces(db)])
      const active = known.find((space) => space.status === 'active')
      const space = active && {
        id: active.id,
        model: active.model,
        dimensions: active.dimensions,
        vectors: active.vectors,
        unindexed: active.unindexed,
      }
      return { ...counts, space: space ?? null, cache: cache.stats(), queries: { ...counters } }
    },
    health: async () => ({ embedder: spaces.health(), backlog: await pendingItems(db) }),
    counters() {
      const { hits, misses } = cache.stats()
      return { ...counters, cacheHits: hits, cacheMisses: misses }
    },
  }
}

async function chooseEmbedder({ db, embedder, embedderKey }: KnowledgeOptions): Promise<EmbedderConfig> {
  if (embedder) return embedder
  const pinned = (await findActiveSpace(db))?.embedder
  return pinned ? { ...(pinned as EmbedderConfig), apiKey: embedderKey } : { kind: 'builtin' }
}

/** One change of model at a time, in the background of this process. */
class Reembedding {
  status: ReembedStatus | null = null
  readonly #options: KnowledgeOptions
  readonly #spaces: EmbeddingSpaces
  readonly #onSwitch: () => void
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: KnowledgeOptions, spaces: EmbeddingSpaces, onSwitch: () => void) {
    this.#options = options
    this.#spaces = spaces
    this.#onSwitch = onSwitch
  }

  /** Checks that the embedder answers, then goes on in the background; {@link status} tells how far. */
  async begin({ kind, model, url }: Omit<EmbedderConfig, 'apiKey'>): Promise<{ started: true; model: string }> {
    if (this.#running) {
      throw new TurboError('conflict', 'the store is being re-embedded already', { next: 'Wait for it to end.' })
    }
    const embedder = withVectorCache(createEmbedder({ kind, model, url, apiKey: this.#options.embedderKey }))
    try {
      const identity = await embedder.space()
      this.status = { model: identity.model, phase: 'embedding', done: 0, total: 0, error: null }
      this.#running = this.#run(embedder, { kind, model, url }).finally(() => {
        this.#running = undefined
      })
      return { started: true, model: identity.model }
    } catch (error) {
      await embedder.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(embedder: Embedder, description: { kind: string; model?: string; url?: string }): Promise<void> {
    const { db, log } = this.#options
    const onProgress = (progress: Omit<ReembedStatus, 'error'>) => {
      this.status = { ...progress, error: null }
    }
    try {
      await reembed(db, embedder, description, log, onProgress, this.#stopping.signal)
      await this.#spaces.replace(embedder)
      this.#onSwitch()
    } catch (error) {
      await embedder.stop()
      if (this.#stopping.signal.aborted) return
      const detail = error instanceof TurboError ? error.message : 'it failed; the log says why'
      log.error({ err: error }, 're-embedding failed')
      if (this.status) this.status = { ...this.status, phase: 'failed', error: detail }
    }
  }
}
