import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isTurboError } from '../../src/base/errors.ts'
import { closeExpired } from '../../src/knowledge/background/queries.ts'
import type { AddResult } from '../../src/knowledge/index.ts'
import { type TestKnowledge, type TestProcess, testKnowledge } from '../harness/knowledge.ts'

let world: TestKnowledge
let processes: TestProcess[]

beforeAll(async () => {
  world = await testKnowledge()
  processes = [world, await world.peer(), await world.peer(), await world.peer()]
})

afterAll(() => world.drop())

const process = (at: number) => processes[at % processes.length] as TestProcess

async function countOf(project: string): Promise<{ rows: number; contents: number; current: number }> {
  const [row] = await world.db.query<{ rows: number; contents: number; current: number }>(sql`
    select count(*) as rows, count(distinct content_hash) as contents, count(*) filter (where valid_to is null) as current
    from agent_knowledge where project = ${project}`)
  return row ?? { rows: 0, contents: 0, current: 0 }
}

/** The codes of what was refused. */
function codes(outcomes: PromiseSettledResult<unknown>[]): string[] {
  return outcomes.flatMap((outcome) => {
    if (outcome.status === 'fulfilled') return []
    return isTurboError(outcome.reason) ? outcome.reason.code : String(outcome.reason)
  })
}

describe('at the same time', () => {
  it('fifty adds of one text make one item', async () => {
    for (const content of ['once', 'twice', 'thrice']) {
      const project = `one-${content}`
      const added = await Promise.all(
        Array.from({ length: 50 }, (_, at) => process(at).knowledge.add({ content, project })),
      )
      expect(added.filter((result) => result.status === 'created')).toHaveLength(1)
      expect(added.filter((result) => result.status === 'duplicate')).toHaveLength(49)
      expect(new Set(added.map((result) => result.id)).size).toBe(1)
      expect(new Set(added.map((result) => result.chunks))).toEqual(new Set([1]))
      expect(await countOf(project)).toEqual({ rows: 1, contents: 1, current: 1 })
    }
  })

  it.each([false, true])(
    'batches that overlap in opposite order end, atomic: %s',
    { timeout: 60_000 },
    async (atomic) => {
      const project = `overlap-${atomic}`
      for (let round = 0; round < 6; round += 1) {
        const items = Array.from({ length: 400 }, (_, at) => ({ content: `round ${round} item ${at}`, project }))
        const batches = await Promise.all(
          [items, [...items].reverse(), [...items.slice(200), ...items.slice(0, 200)], [...items].reverse()].map(
            (theirs, at) => process(at).knowledge.addBatch({ items: theirs, atomic }),
          ),
        )
        const results = batches.flatMap((batch) => batch.results) as AddResult[]
        expect(results.filter((result) => result.status === 'created')).toHaveLength(400)
        expect(results.filter((result) => result.status === 'duplicate')).toHaveLength(1_200)
        expect(new Set(results.map((result) => result.id)).size).toBe(400)
      }
      expect(await countOf(project)).toEqual({ rows: 2_400, contents: 2_400, current: 2_400 })
    },
  )

  it('one of many successors wins, and the others leave nothing', async () => {
    const project = 'successors'
    const [first = 0] = await world.addAll({ content: 'original', project })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, at) =>
        process(at).knowledge.add({ content: `successor ${at}`, project, supersedes: first }),
      ),
    )
    expect(codes(outcomes)).toEqual(Array(11).fill('conflict'))
    expect(await countOf(project)).toEqual({ rows: 2, contents: 2, current: 1 })
  })

  it('batches that supersede the same items in opposite order end', async () => {
    const project = 'crossing'
    const olds = await world.addAll(...Array.from({ length: 30 }, (_, at) => ({ content: `old ${at}`, project })))
    const batch = (at: number, order: number[]) =>
      process(at).knowledge.addBatch({
        items: order.map((supersedes) => ({ content: `new of ${supersedes} by ${at}`, project, supersedes })),
        atomic: true,
      })
    expect(codes(await Promise.allSettled([batch(0, olds), batch(1, [...olds].reverse())]))).toEqual(['conflict'])
    expect(await countOf(project)).toEqual({ rows: 60, contents: 60, current: 30 })
  })

  it('expired items are closed by one process, which the others do not wait for', async () => {
    const project = 'closing'
    const ids = await world.addAll(...Array.from({ length: 20 }, (_, at) => ({ content: `closing ${at}`, project })))
    await world.db.query(sql`update agent_knowledge set expires_at = now() where id = any(${sql.param(ids)}::bigint[])`)
    await world.db.transaction(async (tx) => {
      const first = await closeExpired(tx, 15)
      const second = await closeExpired(process(1).db, 100)
      expect(first + second).toBeLessThanOrEqual(20)
      expect(second).toBeLessThanOrEqual(5)
    })
    expect((await countOf(project)).current).toBe(0)
  })

  it('every change of an item is kept, one after the other', async () => {
    const [id = 0] = await world.addAll({ content: 'patched by many', project: 'patches' })
    await Promise.all(Array.from({ length: 24 }, (_, at) => process(at).knowledge.patch(id, { category: `c${at}` })))
    const { items } = await world.knowledge.history(id)
    const befores = items.filter(({ kind }) => kind === 'changed').map(({ before }) => before?.category)
    expect(befores).toHaveLength(24)
    const { category } = await world.knowledge.get(id)
    // Each state but the last was kept exactly once.
    expect(new Set([...befores, category]).size).toBe(25)
  })

  it('an item is erased once, whoever changes it meanwhile', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [id = 0] = await world.addAll({ content: `erased in round ${round}`, project: 'erasing' })
      const erasing = Array.from({ length: 4 }, (_, at) => process(at).knowledge.erase(id))
      const patching = Array.from({ length: 4 }, (_, at) => process(at).knowledge.patch(id, { title: `t${at}` }))
      const [erased, patched] = await Promise.all([Promise.allSettled(erasing), Promise.allSettled(patching)])
      expect(codes(erased)).toEqual(Array(3).fill('not_found'))
      expect(new Set(codes(patched))).toEqual(new Set(codes(patched).length > 0 ? ['not_found'] : []))
      expect(await world.db.query(sql`select from knowledge_chunks where item_id = ${id}`)).toEqual([])
    }
  })

  it('a text that is added and erased over and over is there once or not at all', async () => {
    const project = 'flicker'
    const rounds = Array.from({ length: 40 }, async (_, at) => {
      const { id } = await process(at).knowledge.add({ content: 'now you see it', project })
      if (at % 2 === 0)
        await process(at + 1)
          .knowledge.erase(id)
          .catch(() => undefined)
      return id
    })
    const outcomes = await Promise.allSettled(rounds)
    expect(codes(outcomes)).toEqual([])
    expect((await countOf(project)).rows).toBeLessThanOrEqual(1)
  })
})
