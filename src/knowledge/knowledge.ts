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
import type { KnowledgeService } from './service.ts'
import { findActiveSpace, listSpaces, pendingItems } from './spaces/queries.ts'
import { Reembedding } from './spaces/reembedding.ts'
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
  const parts = assemble(options, options.customEmbedder ?? createEmbedder(await chooseEmbedder(options)))
  return { ...lifecycle(parts), ...writing(parts), ...reading(parts), ...figures(parts) }
}

type Parts = ReturnType<typeof assemble>

function assemble(options: KnowledgeOptions, embedder: Embedder) {
  const { db, log } = options
  const reader: Reader = createReader()
  const cache = new AnswerCache<QueryResult>()
  const counters = { exactReruns: 0 }
  const spaces = new EmbeddingSpaces({ db, embedder: withVectorCache(embedder), log, onReady: () => backlog.wake() })
  const wrote = () => {
    cache.invalidate()
    maintenance.wake()
    backlog.wake()
  }
  const backlog = createBacklog({ db, spaces, log, onWrite: () => cache.invalidate() })
  const maintenance = new Maintenance({ db, spaces, log, onWrite: () => cache.invalidate() })
  const adding: AddContext = { db, spaces, reader, log, onWrite: wrote }
  const reembedding = new Reembedding(options, spaces, wrote)
  return { db, reader, cache, counters, spaces, wrote, backlog, maintenance, adding, reembedding }
}

function lifecycle(parts: Parts): Pick<Knowledge, 'start' | 'stop'> {
  const { db, cache, spaces, maintenance, backlog, reembedding, reader } = parts
  let unlisten: (() => Promise<void>) | undefined
  return {
    async start() {
      unlisten = await db.listen(CHANGED, {
        onNotify: () => cache.invalidate(),
        onGap: () => cache.invalidate(),
        onState: (connected) => cache.setNotified(connected),
      })
      cache.setNotified(true)
      // The embedder may take a while to load; the first query waits for it, the start does not.
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
  }
}

type WritingVerb = 'add' | 'addBatch' | 'patch' | 'erase' | 'ingest' | 'expireVanished' | 'useEmbeddings'

function writing({ db, adding, wrote, reembedding }: Parts): Pick<Knowledge, WritingVerb> {
  return {
    add: (input) => add(adding, input),
    addBatch: (input) => addBatch(adding, input),
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
    ingest: (input) => ingest(adding, input),
    async expireVanished({ source, project, keep }) {
      const expired = await expireMissing(db, project ?? null, source, keep)
      if (expired > 0) wrote()
      return { expired }
    },
    useEmbeddings: (input) => reembedding.begin(input),
  }
}

function reading(parts: Parts): Pick<Knowledge, 'query' | 'get' | 'list' | 'history' | 'listSources'> {
  const { db, spaces, cache, counters, maintenance } = parts
  const context = { db, spaces, cache, counters, onAccess: (ids: number[]) => maintenance.recordAccess(ids) }
  return {
    query: (input) => query(context, input),
    get: (id) => get(db, id),
    list: (input) => list(db, input),
    history: (id) => history(db, id),
    listSources: async ({ project }) => ({ sources: await listDocumentSources(db, project) }),
  }
}

function figures(parts: Parts): Pick<Knowledge, 'embeddings' | 'stats' | 'health' | 'counters'> {
  const { db, cache, counters, spaces, reembedding } = parts
  return {
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
