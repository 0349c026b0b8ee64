import { createHash } from 'node:crypto'
import type { AccessService, Answer, ApiKey, Principal } from '../../src/access/index.ts'
import { TurboError } from '../../src/base/errors.ts'
import type { KnowledgeService } from '../../src/knowledge/service.ts'
import type { AddInput, KnowledgeItem, QueryHit } from '../../src/knowledge/types.ts'
import type { Health, Turbo } from '../../src/operations/index.ts'
import { standInLanding } from './stand-in-landing.ts'
import { standInNodes } from './stand-in-nodes.ts'
import { standInRecord } from './stand-in-record.ts'
import { standInTasks } from './stand-in-tasks.ts'
import { standInFigures, standInTaskLog, standInWorkers } from './stand-in-workers.ts'

const NOW = '2026-11-20T13:55:56.123456Z'

/** A Turbo in memory, for tests in which the store is not the point. Its answers have every field of the real one. */
export interface StandInTurbo extends Turbo {
  /** What the verbs of the domains were called with, in order. */
  calls: { verb: string; input: unknown }[]
  /** When set, every such verb waits for it or throws it. */
  behaviour: { before?: () => Promise<void> | void }
  healthState: Health
}

export function standInTurbo(): StandInTurbo {
  const calls: StandInTurbo['calls'] = []
  const behaviour: StandInTurbo['behaviour'] = {}
  const healthState: Health = {
    status: 'ok',
    version: '0.0.0',
    engine: 'embedded',
    uptimeSeconds: 1,
    database: { reachable: true },
    embedder: { name: 'stand-in', reachable: true },
    backlog: 0,
  }
  const enter = async (verb: string, input: unknown) => {
    calls.push({ verb, input })
    await behaviour.before?.()
  }
  return {
    knowledge: standInKnowledge(enter),
    orchestrator: {
      ...standInRecord(),
      tasks: standInTasks(enter),
      landing: standInLanding(enter),
      nodes: standInNodes(enter),
      workers: standInWorkers(),
      taskLog: standInTaskLog(),
      figures: standInFigures(),
    },
    access: standInAccess(),
    health: async () => healthState,
    calls,
    behaviour,
    healthState,
  }
}

function standInKnowledge(enter: (verb: string, input: unknown) => Promise<void>): KnowledgeService {
  const items = new Map<number, KnowledgeItem>()
  const get = (id: number) => {
    const item = items.get(id)
    if (item === undefined) throw new TurboError('not_found', `no item has the id ${id}`)
    return item
  }
  const add = (input: AddInput) => {
    const contentHash = createHash('sha256').update(input.content).digest('hex')
    const known = [...items.values()].find((item) => item.contentHash === contentHash)
    const id = known?.id ?? items.size + 1
    if (known === undefined) items.set(id, itemOf(id, contentHash, input))
    return {
      id,
      status: known ? ('duplicate' as const) : ('created' as const),
      contentHash,
      chunks: 1,
      embedding: 'ready' as const,
    }
  }
  return {
    add: async (input) => {
      await enter('add', input)
      return add(input)
    },
    addBatch: async (input) => {
      await enter('addBatch', input)
      const results = input.items.map(add)
      const created = results.filter(({ status }) => status === 'created').length
      return { results, created, duplicate: results.length - created, failed: 0 }
    },
    query: async (input) => {
      await enter('query', input)
      const results = [...items.values()].slice(0, input.limit).map(hitOf)
      return { query: input.query, results, totalCandidates: items.size, cached: false, tookMs: 0.1 }
    },
    get: async (id) => {
      await enter('get', id)
      return get(id)
    },
    list: async (input) => {
      await enter('list', input)
      return { items: [...items.values()].slice(0, input.limit), nextCursor: null }
    },
    patch: async (id, input) => {
      await enter('patch', { id, input })
      const changed = { ...get(id), ...JSON.parse(JSON.stringify(input)), updatedAt: NOW }
      items.set(id, changed)
      return changed
    },
    erase: async (id) => {
      await enter('erase', id)
      items.delete(get(id).id)
      return { id, erased: true }
    },
    history: async (id) => {
      await enter('history', id)
      return {
        items: [{ at: NOW, kind: 'changed', id: get(id).id, before: { knowledgeType: 'note', metadata: { aB: 1 } } }],
      }
    },
    stats: async () => {
      await enter('stats', {})
      return {
        items: items.size,
        current: items.size,
        chunks: items.size,
        pendingItems: 3,
        documents: 0,
        space: { id: 1, model: 'm', dimensions: 2, vectors: items.size, unindexed: 0 },
        databaseBytes: 1,
        cache: { entries: 1, bytes: 2, hits: 7, misses: 5 },
        queries: { exactReruns: 2 },
      }
    },
    ingest: async (input) => {
      await enter('ingest', input)
      return { documents: input.documents.map(({ path }) => ({ path, status: 'created', id: 1, chunks: 1 })) }
    },
    listDocuments: async (input) => {
      await enter('listDocuments', input)
      const mediaType = 'text/markdown'
      const document = { project: null, source: 'documents', path: 'a.md', title: 'A', mediaType, chunks: 1, itemId: 1 }
      return { documents: [{ ...document, updatedAt: NOW }], nextCursor: null }
    },
    listSources: async (input) => {
      await enter('listSources', input)
      return { sources: [{ project: null, source: 'documents', documents: 1, chunks: 1, lastUpdated: NOW }] }
    },
    expireVanished: async (input) => {
      await enter('expireVanished', input)
      return { expired: 0 }
    },
    embeddings: async () => {
      await enter('embeddings', {})
      const space = { id: 1, model: 'm', dimensions: 2, prefixScheme: 'none', active: true, vectors: 1 }
      return { spaces: [space], backlog: 0, reembedding: null }
    },
    useEmbeddings: async (input) => {
      await enter('useEmbeddings', input)
      return { started: true, model: input.model ?? input.kind }
    },
  }
}

function itemOf(id: number, contentHash: string, input: AddInput): KnowledgeItem {
  return {
    id,
    content: input.content,
    contentHash,
    title: input.title ?? null,
    knowledgeType: input.knowledgeType ?? 'note',
    category: input.category ?? null,
    tags: input.tags ?? [],
    project: input.project ?? null,
    scope: input.scope ?? 'global',
    metadata: input.metadata ?? {},
    source: input.source ?? {},
    importance: input.importance ?? 0.5,
    validFrom: NOW,
    validTo: null,
    supersededBy: null,
    expiresAt: input.expiresAt ?? null,
    accessCount: 0,
    lastAccessed: null,
    createdAt: NOW,
    updatedAt: NOW,
    embedding: 'ready',
    chunks: 1,
  }
}

function hitOf(item: KnowledgeItem): QueryHit {
  const { id, content, title, knowledgeType, category, tags, project, scope, source, createdAt } = item
  return {
    id,
    content,
    title,
    knowledgeType,
    category,
    tags,
    project,
    scope,
    source,
    createdAt,
    truncated: false,
    passage: null,
    similarity: 0.5,
    score: 0.9,
  }
}

/** Keys and answers in maps; the real rules are tested in test/access. */
function standInAccess(): AccessService {
  const keys = new Map<string, ApiKey>()
  const answers = new Map<string, Answer>()
  return {
    createKey: async ({ name, scopes, expiresAt }) => {
      const id = keys.size + 1
      const key = `at_${id}`
      const row: ApiKey = {
        id,
        name,
        prefix: key,
        scopes,
        createdAt: NOW,
        expiresAt: expiresAt ?? null,
        revokedAt: null,
        lastUsedAt: null,
      }
      keys.set(key, row)
      return { ...row, key }
    },
    listKeys: async () => [...keys.values()],
    revokeKey: async (id) => {
      const found = [...keys].find(([, row]) => row.id === id)
      if (found === undefined) throw new TurboError('not_found', `no API key has the id ${id}`)
      keys.delete(found[0])
      return { id, revoked: true }
    },
    hasKeys: async () => keys.size > 0,
    verifyKey: async (key): Promise<Principal> => {
      const row = keys.get(key)
      if (row === undefined) throw new TurboError('unauthorized', 'the API key is not valid')
      return { id: `key:${row.id}`, scopes: row.scopes }
    },
    sweepIdempotency: async () => undefined,
    once: async ({ principal, operation, key, reread }, work) => {
      const name = [principal.id, operation, key].join(' ')
      const known = answers.get(name)
      if (known !== undefined) return { ...known, body: (await reread?.()) ?? known.body, replayed: true }
      const answer = await work()
      answers.set(name, answer)
      return { ...answer, replayed: false }
    },
  }
}
