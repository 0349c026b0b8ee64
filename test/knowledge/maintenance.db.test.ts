import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { createLog } from '../../src/base/log.ts'
import { Maintenance } from '../../src/knowledge/background/maintenance.ts'
import {
  closeExpired,
  countFresh,
  countLexemes,
  indexFresh,
  lexiconDrift,
  rebuildLexicon,
} from '../../src/knowledge/background/queries.ts'
import { findActiveSpace, markFinished, markReady } from '../../src/knowledge/spaces/queries.ts'
import { EmbeddingSpaces } from '../../src/knowledge/spaces/spaces.ts'
import { fakeEmbedder } from '../harness/embedder.ts'
import { eventually, type TestKnowledge, testKnowledge } from '../harness/knowledge.ts'

let world: TestKnowledge

beforeAll(async () => {
  world = await testKnowledge({ start: false })
})

afterAll(() => world.drop())

const words = (at: number) => `item${at % 7} tells of word${at % 13} and word${at % 5}, in build_${at % 3}`

/** Lexemes whose counted and true document frequencies differ. */
function differences(): Promise<unknown[]> {
  return world.db.query(sql`
    select lexeme, l.documents, s.ndoc from knowledge_lexicon l
    full join (select word as lexeme, ndoc from ts_stat('select lexemes from agent_knowledge')) s using (lexeme)
    where l.documents is distinct from s.ndoc`)
}

async function corpus(): Promise<unknown> {
  const [row] = await world.db.query(sql`select items, lexemes from knowledge_corpus`)
  return row
}

async function truth(): Promise<unknown> {
  const [row] = await world.db.query(sql`
    select count(*) as items, coalesce(sum(length(lexemes)), 0)::bigint as lexemes from agent_knowledge`)
  return row
}

async function countAll(): Promise<void> {
  while ((await countLexemes(world.db, 10)) > 0);
}

function maintenance(onWrite = () => undefined): Maintenance {
  const log = createLog({ level: 'silent' })
  const spaces = new EmbeddingSpaces({
    db: world.db,
    embedder: fakeEmbedder(),
    log,
    onReady: () => undefined,
    description: null,
    follow: null,
  })
  return new Maintenance({ db: world.db, spaces, log, onWrite })
}

describe('the lexicon', () => {
  it('counts each item once, in steps, as ts_stat does at once', async () => {
    await world.knowledge.addBatch({
      items: Array.from({ length: 45 }, (_, at) => ({ content: `${words(at)} number${at}`, title: `t${at}` })),
      atomic: false,
    })
    expect(await countLexemes(world.db, 10)).toBe(10)
    expect(await differences()).not.toEqual([])
    await countAll()
    expect(await differences()).toEqual([])
    expect(await corpus()).toEqual(await truth())
    await world.addAll('another item0 and a new word77')
    await countAll()
    expect(await differences()).toEqual([])
  })

  it('counts each item once when several processes count at the same time', async () => {
    await world.knowledge.addBatch({
      items: Array.from({ length: 60 }, (_, at) => ({ content: `${words(at)} shared${at}` })),
      atomic: false,
    })
    const peers = await Promise.all([world.peer({ start: false }), world.peer({ start: false })])
    const counts = await Promise.all(
      Array.from({ length: 20 }, (_, at) => countLexemes((peers[at % 2] ?? world).db, 7)),
    )
    expect(counts.reduce((sum, counted) => sum + counted, 0)).toBe(60)
    expect(await differences()).toEqual([])
    expect(await corpus()).toEqual(await truth())
  })

  it('is counted anew when too much of it is gone', async () => {
    const { items } = await world.knowledge.list({ limit: 200 })
    const house = maintenance()
    for (const { id } of items.slice(0, 5)) await world.knowledge.erase(id)
    expect(await lexiconDrift(world.db)).toBeLessThan(0.1)
    await house.keepHouse()
    expect(await differences()).not.toEqual([])
    for (const { id } of items.slice(5, 40)) await world.knowledge.erase(id)
    expect(await lexiconDrift(world.db)).toBeGreaterThan(0.1)
    await house.keepHouse()
    expect(await lexiconDrift(world.db)).toBeGreaterThan(0.1)
    // Looked at a moment ago; another process, or this one minutes later, looks anew.
    await maintenance().keepHouse()
    expect(await differences()).toEqual([])
    expect(await corpus()).toEqual(await truth())
    expect(await lexiconDrift(world.db)).toBe(0)
  })

  it('can be counted anew while items are counted and added', async () => {
    await Promise.all([
      world.addAll(...Array.from({ length: 10 }, (_, at) => `${words(at)} during${at}`)),
      world.db.transaction(rebuildLexicon),
      maintenance().countLexicon(),
      world.db.transaction(rebuildLexicon),
    ])
    await countAll()
    expect(await differences()).toEqual([])
    expect(await corpus()).toEqual(await truth())
  })
})

describe('an idle store', () => {
  it('tells nobody that something was written', async () => {
    await world.addAll('the last write for a while')
    const house = maintenance()
    await house.keepHouse()
    let told = 0
    const unlisten = await world.db.listen('knowledge_changed', {
      onNotify: () => {
        told += 1
      },
      onGap: () => undefined,
    })
    const space = must(await findActiveSpace(world.db), 'there is a space by now')
    await house.keepHouse()
    await house.countLexicon()
    expect(await markFinished(world.db, space.id, 10)).toBe(0)
    expect(await closeExpired(world.db, 10)).toBe(0)
    // Notifications arrive in order: had there been any, they would be here before this one.
    await world.addAll('one more write')
    await eventually(() => expect(told).toBeGreaterThan(0))
    expect(told).toBe(1)
    await unlisten()
  })
})

describe('items whose vectors a killed process had stored', () => {
  it('are finished, unless their vectors are of a space that is no longer in use', async () => {
    const [id = 0] = await world.addAll('left between the vectors and the mark')
    const space = must(await findActiveSpace(world.db), 'there is a space by now')
    await world.db.query(sql`update agent_knowledge set embedding_state = 'pending' where id = ${id}`)
    await world.db.query(sql`update embedding_spaces set status = 'retired'`)
    expect(await markFinished(world.db, space.id, 10)).toBe(0)
    await markReady(world.db, space.id, [id], [])
    expect((await world.knowledge.get(id)).embedding).toBe('pending')
    await world.db.query(sql`update embedding_spaces set status = 'active'`)
    expect(await markFinished(world.db, space.id, 10)).toBe(1)
    expect((await world.knowledge.get(id)).embedding).toBe('ready')
  })
})

describe('expired items', () => {
  it('are closed at their time, in steps, telling caches; others stay', async () => {
    const ids = await world.addAll(...Array.from({ length: 7 }, (_, at) => `expiring ${at}`))
    const [lasting = 0] = await world.addAll({ content: 'lasting', expiresAt: '2999-01-01T00:00:00Z' })
    for (const id of ids) await world.knowledge.patch(id, { expiresAt: '2001-01-01T00:00:00Z' })
    let told = 0
    expect(await closeExpired(world.db, 5)).toBe(5)
    await maintenance(() => {
      told += 1
    }).keepHouse()
    expect(told).toBe(1)
    expect(await closeExpired(world.db, 5)).toBe(0)
    for (const id of ids) {
      const { validTo, expiresAt } = await world.knowledge.get(id)
      expect(validTo).toBe(expiresAt)
    }
    expect((await world.knowledge.get(lasting)).validTo).toBeNull()
  })

  it('are closed once when two processes close them', async () => {
    const ids = await world.addAll(...Array.from({ length: 20 }, (_, at) => `closing ${at}`))
    await world.db.query(sql`update agent_knowledge set expires_at = now() where id = any(${sql.param(ids)}::bigint[])`)
    const { db } = await world.peer({ start: false })
    const closed = await Promise.all([closeExpired(world.db, 100), closeExpired(db, 100), closeExpired(world.db, 100)])
    expect(closed.reduce((sum, count) => sum + count, 0)).toBe(20)
  })
})

describe('access counts', () => {
  it('are what queries returned, collected and written together, by several processes', async () => {
    const ids = await world.addAll(...Array.from({ length: 30 }, (_, at) => `counted access ${at}`))
    const peer = await world.peer({ start: false })
    const houses = [maintenance(), maintenance()]
    for (const house of houses) {
      for (let times = 0; times < 3; times += 1) house.recordAccess(ids)
      house.recordAccess([...ids].reverse().slice(0, 10))
    }
    await Promise.all(houses.map((house) => house.keepHouse()))
    await peer.stop()
    const { accessCount, lastAccessed } = await world.knowledge.get(ids[0] ?? 0)
    expect(accessCount).toBe(6)
    expect(lastAccessed).not.toBeNull()
    expect((await world.knowledge.get(ids[29] ?? 0)).accessCount).toBe(8)
    await Promise.all(houses.map((house) => house.keepHouse()))
    expect((await world.knowledge.get(ids[0] ?? 0)).accessCount).toBe(6)
  })

  it('count answers from the cache too, and are written at the end', async () => {
    const [id = 0] = await world.addAll('a very unusual sentence about marzipan')
    const peer = await world.peer({ start: false })
    await peer.knowledge.query({ query: 'marzipan', mode: 'text' })
    expect((await peer.knowledge.query({ query: 'marzipan', mode: 'text' })).cached).toBe(true)
    await peer.stop()
    expect((await world.knowledge.get(id)).accessCount).toBe(2)
  })
})

describe('the vector index', () => {
  it('takes in fresh vectors, oldest first, each once, whoever does it', async () => {
    const [{ space } = { space: 0 }] = await world.db.query<{ space: number }>(
      sql`select id as space from embedding_spaces where status = 'active'`,
    )
    await world.addAll('make sure that there are vectors')
    const fresh = await countFresh(world.db, space, 1_000)
    expect(fresh).toBeGreaterThan(50)
    expect(await countFresh(world.db, space, 10)).toBe(10)
    expect(await indexFresh(world.db, space, 20)).toBe(20)
    const order = await world.db.query<{ indexed: boolean }>(
      sql`select indexed from knowledge_vectors where space_id = ${space} order by chunk_id`,
    )
    expect(order.slice(0, 20).every(({ indexed }) => indexed)).toBe(true)
    expect(order.slice(20).some(({ indexed }) => indexed)).toBe(false)
    const { db } = await world.peer({ start: false })
    const taken = await Promise.all([indexFresh(world.db, space, fresh), indexFresh(db, space, fresh)])
    expect(taken[0] + taken[1] + 20).toBe(fresh)
    expect(await countFresh(world.db, space, 1)).toBe(0)
  })
})
