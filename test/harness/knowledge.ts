import { sql } from 'drizzle-orm'
import { vi } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import { openDatabase, type Store } from '../../src/db/index.ts'
import type { AddInput, Embedder, Knowledge, QueryHit, QueryInput } from '../../src/knowledge/index.ts'
import { createKnowledge } from '../../src/knowledge/index.ts'
import { engine, type TestPlace, testPlace } from './database.ts'
import { type FakeEmbedder, fakeEmbedder } from './embedder.ts'

/** How long something that must happen by itself may take on a busy machine. */
const PATIENCE_MS = 20_000

/** A process that works on the store: its own pool on a server, the shared engine when embedded. */
export interface TestProcess {
  knowledge: Knowledge
  db: Store
  /** Ends what runs behind it, as a process does that stops in order. */
  stop(): Promise<void>
}

/** Knowledge over a store of its own, started, with an embedder in memory. */
export interface TestKnowledge extends TestProcess {
  embedder: FakeEmbedder
  /** Another process on the same store; started unless told otherwise. Ends with {@link drop} at the latest. */
  peer(options?: PeerOptions): Promise<TestProcess>
  /** Resolves when everything stored is counted by the lexicon and embedded. */
  settled(): Promise<void>
  /** {@link settled}, and every notification of what was written so far has arrived in every process. */
  quiet(): Promise<void>
  /** Adds texts, or items, in order; their ids. */
  addAll(...items: (string | AddInput)[]): Promise<number[]>
  drop(): Promise<void>
}

export interface PeerOptions {
  embedder?: Embedder
  start?: boolean
}

/** Waits until `check` no longer throws, by looking again and again. */
export function eventually<T>(check: () => T | Promise<T>, timeout = PATIENCE_MS): Promise<T> {
  return vi.waitFor(check, { timeout, interval: 10 })
}

export interface TestKnowledgeOptions {
  embedder?: FakeEmbedder
  /** Whether what runs behind it is started, default true; a test that takes the steps itself says no. */
  start?: boolean
}

export async function testKnowledge({
  embedder = fakeEmbedder(),
  start = true,
}: TestKnowledgeOptions = {}): Promise<TestKnowledge> {
  const place: TestPlace = await testPlace('migrated')
  const db = await openDatabase(place.config)
  const processes: TestProcess[] = []
  const open = async (store: Store, { embedder: own = embedder, start: starts = true }: PeerOptions) => {
    const log = createLog({ level: 'silent' })
    const knowledge = await createKnowledge({ db: store, log, customEmbedder: own })
    let stopped: Promise<void> | undefined
    const end = async () => {
      await knowledge.stop()
      if (store !== db) await store.stop()
    }
    const started: TestProcess = {
      knowledge,
      db: store,
      stop: () => {
        if (processes.includes(started)) processes.splice(processes.indexOf(started), 1)
        stopped ??= end()
        return stopped
      },
    }
    processes.push(started)
    if (starts) await knowledge.start()
    return started
  }
  const main = await open(db, { start })

  return {
    ...main,
    embedder,
    peer: async (peerOptions = {}) => open(engine === 'embedded' ? db : await openDatabase(place.config), peerOptions),
    settled: () => settled(db),
    quiet: async () => {
      await settled(db)
      await Promise.all(processes.map((process) => heard(process.db)))
    },
    addAll: async (...items) => {
      const ids: number[] = []
      for (const item of items) {
        ids.push((await main.knowledge.add(typeof item === 'string' ? { content: item } : item)).id)
      }
      return ids
    },
    drop: async () => {
      await Promise.all([...processes].map((process) => process.stop()))
      await db.stop()
      await place.drop()
    },
  }
}

function settled(db: Store): Promise<void> {
  return eventually(async () => {
    const [row] = await db.query<{ pending: number; uncounted: number }>(sql`
      select (select count(*) from agent_knowledge where embedding_state = 'pending') as pending,
        (select count(*) from agent_knowledge, knowledge_corpus where agent_knowledge.id > through_id) as uncounted`)
    if (!row || row.pending > 0 || row.uncounted > 0) {
      throw new Error(`${row?.pending} items are pending, ${row?.uncounted} are not counted`)
    }
  })
}

/** Resolves when all notifications sent so far have arrived: they arrive in the order in which they were sent. */
async function heard(db: Store): Promise<void> {
  let onHeard: () => void = () => undefined
  const arrived = new Promise<void>((resolve) => {
    onHeard = resolve
  })
  const unlisten = await db.listen('test_heard', { onNotify: onHeard, onGap: () => undefined })
  await db.query(sql`select pg_notify('test_heard', '')`)
  await arrived
  await unlisten()
}

/** The ids that a query answers with, best first. */
export async function idsOf(knowledge: Knowledge, input: string | QueryInput): Promise<number[]> {
  const { results } = await knowledge.query(typeof input === 'string' ? { query: input } : input)
  return results.map((hit: QueryHit) => hit.id)
}

/** What a call is refused with. */
export async function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => {
      throw new Error(`expected a refusal, got ${JSON.stringify(value)}`)
    },
    (error: unknown) => error,
  )
}
