import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AddInput, AddResult } from '../../src/knowledge/index.ts'
import { idsOf, refusal, type TestKnowledge, testKnowledge } from '../harness/knowledge.ts'

let world: TestKnowledge

beforeAll(async () => {
  world = await testKnowledge()
})

afterAll(() => world.drop())

const addBatch = (items: AddInput[], atomic = false) => world.knowledge.addBatch({ items, atomic })

async function contentsIn(project: string): Promise<string[]> {
  const { items } = await world.knowledge.list({ project, limit: 200 })
  return items.map((item) => item.content).reverse()
}

/** An importance that the database refuses; the service lets no such value through. */
const refused = (project: string): AddInput => ({ content: 'refused', project, importance: 2 })

describe.each([false, true])('a batch, atomic: %s', (atomic) => {
  it('answers in order, knows twins inside the batch and in the store, and lists in order', async () => {
    const project = `order-${atomic}`
    const [known] = await world.addAll({ content: 'text 2', project })
    const contents = ['text 9', 'text 2', 'text 1', 'text 9', 'text 0', 'TEXT 9', 'text 0']
    const batch = await addBatch(
      contents.map((content) => ({ content, project })),
      atomic,
    )
    expect(batch).toMatchObject({ created: 4, duplicate: 3, failed: 0 })
    const results = batch.results as AddResult[]
    expect(results.map((result) => result.status)).toEqual([
      'created',
      'duplicate',
      'created',
      'duplicate',
      'created',
      'created',
      'duplicate',
    ])
    expect(results[1]?.id).toBe(known)
    expect(results[3]).toEqual({ ...results[0], status: 'duplicate' })
    expect(results[6]?.id).toBe(results[4]?.id)
    const created = results.filter((result) => result.status === 'created').map((result) => result.id)
    expect(created).toEqual([...created].sort((a, b) => a - b))
    expect(await contentsIn(project)).toEqual(['text 2', 'text 9', 'text 1', 'text 0', 'TEXT 9'])
  })

  it('may supersede items', async () => {
    const project = `supersede-${atomic}`
    const [a, b] = await world.addAll({ content: 'a1', project }, { content: 'b1', project })
    const batch = await addBatch(
      [
        { content: 'b2', project, supersedes: b },
        { content: 'a2', project, supersedes: a },
      ],
      atomic,
    )
    expect(batch.created).toBe(2)
    expect(await contentsIn(project)).toEqual(['b2', 'a2'])
  })

  it('of a thousand items stores each', { timeout: 60_000 }, async () => {
    const project = `thousand-${atomic}`
    const items = Array.from({ length: 1_000 }, (_, at) => ({ content: `Fact number${at} of ${project}.`, project }))
    const batch = await addBatch(items, atomic)
    expect(batch).toMatchObject({ created: 1_000, duplicate: 0, failed: 0 })
    const ids = batch.results.map((result) => result.id)
    expect(new Set(ids).size).toBe(1_000)
    expect(await idsOf(world.knowledge, { query: 'number777', project, mode: 'text' })).toEqual([ids[777]])
    const [counts] = await world.db.query(sql`
      select count(*) as items, sum((embedding_state = 'ready')::int) as ready,
        (select count(*) from knowledge_vectors v join agent_knowledge k on k.id = v.item_id
         where k.project = ${project}) as vectors
      from agent_knowledge where project = ${project}`)
    expect(counts).toEqual({ items: 1_000, ready: 1_000, vectors: 1_000 })
  })
})

describe('an item that is refused', () => {
  it('fails alone among good ones', async () => {
    const project = 'some'
    const good = Array.from({ length: 30 }, (_, at) => ({ content: `good ${at}`, project }))
    const batch = await addBatch([...good.slice(0, 25), refused(project), ...good.slice(25)])
    expect(batch).toMatchObject({ created: 30, duplicate: 0, failed: 1 })
    expect(batch.results[25]).toEqual({
      id: null,
      status: 'failed',
      code: 'invalid_input',
      detail: expect.stringContaining('importance'),
    })
    expect(await contentsIn(project)).toEqual(good.map((item) => item.content))
  })

  it('fails alone when it supersedes what is not there', async () => {
    const project = 'unknown'
    const batch = await addBatch([
      { content: 'first', project },
      { content: 'second', project, supersedes: 999_999 },
    ])
    expect(batch.results).toMatchObject([{ status: 'created' }, { status: 'failed', code: 'invalid_input' }])
    expect(await contentsIn(project)).toEqual(['first'])
  })

  it('leaves nothing of an atomic batch, whichever statement it is in', { timeout: 60_000 }, async () => {
    const project = 'none'
    const good = Array.from({ length: 300 }, (_, at) => ({ content: `good ${at}`, project }))
    const error = await refusal(addBatch([...good, refused(project)], true))
    expect(error).toMatchObject({ code: 'invalid_input' })
    expect(await contentsIn(project)).toEqual([])
    const [left] = await world.db.query(sql`
      select count(*) as chunks from knowledge_chunks c left join agent_knowledge k on k.id = c.item_id where k.id is null`)
    expect(left).toEqual({ chunks: 0 })
  })
})
