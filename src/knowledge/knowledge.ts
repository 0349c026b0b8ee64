import { must } from '../base/assert.ts'
import type { Log } from '../base/log.ts'
import type { Database } from '../db/executor.ts'
import { createBacklog } from './background/backlog.ts'
import { Maintenance } from './background/maintenance.ts'
import { AnswerCache } from './cache.ts'
import { ingest } from './documents/ingest.ts'
import { listDocuments } from './documents/listing.ts'
import { expireMissing, listDocumentSources } from './documents/queries.ts'
import { createEmbedder, type Embedder, type EmbedderConfig, withVectorCache } from './embedders/index.ts'
import { createReader, type Reader } from './reading/reader.ts'
import { query } from './search/query.ts'
import { recall } from './search/recall.ts'
import type { KnowledgeService } from './service.ts'
import { type EmbedderDescription, findActiveSpace, listSpaces, pendingItems } from './spaces/queries.ts'
import { Reembedding } from './spaces/reembedding.ts'
import { EmbeddingSpaces } from './spaces/spaces.ts'
import { type AddContext, add, addBatch } from './store/add.ts'
import { erase, get, history, list, patch } from './store/items.ts'
import { countAll } from './store/queries.ts'
import type { KnowledgeStats, QueryResult, RecalledItem, RecallInput } from './types.ts'

/** Channel on which the store tells every process that something was written. */
const CHANGED = 'knowledge_changed'

export interface KnowledgeOptions {
  db: Database
  log: Log
  /** How vectors are made; without it, as the store's active space says, or by the built-in embedder. */
  embedder?: EmbedderConfig
  /** The configured key of an HTTP embedder and the URL it belongs to (absent: the kind's own); sent nowhere else. */
  embedderAccess?: { url?: string; apiKey?: string }
  /** An embedder made elsewhere; wins over `embedder`. */
  customEmbedder?: Embedder
  /** Called after whatever this process writes that an answer may depend on. */
  onWrite?: () => void
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
  /** What somebody should know who begins work, the most relevant first. */
  recall(input: RecallInput): Promise<RecalledItem[]>
  counters(): { exactReruns: number; cacheHits: number; cacheMisses: number }
}

/** Composes the verbs of knowledge over one store. Does no I/O until `start`, beyond asking which embedder to make. */
export async function createKnowledge(options: KnowledgeOptions): Promise<Knowledge> {
  const { customEmbedder, embedder } = options
  const description = customEmbedder ? null : await describeEmbedder(options)
  const make = (named: EmbedderDescription) =>
    withVectorCache(createEmbedder({ ...named, apiKey: keyFor(named, options) }))
  const chosen =
    customEmbedder ??
    createEmbedder(
      embedder ?? { ...must(description, 'an embedder'), apiKey: keyFor(must(description, 'an embedder'), options) },
    )
  const parts = assemble(options, chosen, description, make)
  return { ...lifecycle(parts), ...writing(parts), ...reading(parts), ...figures(parts) }
}

type Parts = ReturnType<typeof assemble>

function assemble(
  options: KnowledgeOptions,
  embedder: Embedder,
  description: EmbedderDescription | null,
  makeEmbedder: (named: EmbedderDescription) => Embedder,
) {
  const { db, log } = options
  const reader: Reader = createReader()
  const cache = new AnswerCache<QueryResult>()
  const counters = { exactReruns: 0 }
  const follow = description && !options.embedder ? makeEmbedder : null
  const onReady = () => backlog.wake()
  const spaces = new EmbeddingSpaces({ db, embedder: withVectorCache(embedder), description, follow, log, onReady })
  const changed = () => {
    cache.invalidate()
    options.onWrite?.()
  }
  const wrote = () => {
    changed()
    maintenance.wake()
    backlog.wake()
  }
  const backlog = createBacklog({ db, spaces, log, onWrite: changed })
  const maintenance = new Maintenance({ db, spaces, log, onWrite: changed })
  const adding: AddContext = { db, spaces, reader, log, onWrite: wrote }
  const reembedding = new Reembedding({ db, log, makeEmbedder }, spaces, wrote)
  return { db, log, reader, cache, counters, spaces, wrote, backlog, maintenance, adding, reembedding }
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
      // Each part is ended whatever became of the others: a database that is away must not keep the process up.
      const ended = await Promise.allSettled([reembedding.stop(), backlog.stop(), maintenance.stop()])
      ended.push(...(await Promise.allSettled([unlisten?.(), spaces.stop(), reader.stop()])))
      for (const { reason } of ended.filter((result) => result.status === 'rejected')) {
        parts.log.warn({ err: reason }, 'a part did not stop cleanly')
      }
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

function reading(
  parts: Parts,
): Pick<Knowledge, 'query' | 'recall' | 'get' | 'list' | 'history' | 'listDocuments' | 'listSources'> {
  const { db, spaces, cache, counters, maintenance } = parts
  const context = { db, spaces, cache, counters, onAccess: (ids: number[]) => maintenance.recordAccess(ids) }
  return {
    query: (input) => query(context, input),
    recall: (input) => recall(context, input),
    get: (id) => get(db, id),
    list: (input) => list(db, input),
    history: (id, limit) => history(db, id, limit),
    listDocuments: (input) => listDocuments(db, input),
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

/** The configured embedder, else the one that the store was last embedded with, else the built-in one. */
async function describeEmbedder({ db, embedder }: KnowledgeOptions): Promise<EmbedderDescription> {
  if (embedder) return { kind: embedder.kind, url: embedder.url, model: embedder.model }
  return (await findActiveSpace(db))?.embedder ?? { kind: 'builtin' }
}

/** The configured key where the embedder is the one it was configured for: a URL named by a caller never gets it. */
function keyFor({ url }: EmbedderDescription, { embedderAccess }: KnowledgeOptions): string | undefined {
  const own = embedderAccess?.url
  const same = url === undefined || own === undefined ? url === own : new URL(url).origin === new URL(own).origin
  return same ? embedderAccess?.apiKey : undefined
}
