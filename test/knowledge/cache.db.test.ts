import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engine } from '../harness/database.ts'
import { eventually, type TestKnowledge, testKnowledge } from '../harness/knowledge.ts'

let world: TestKnowledge

beforeAll(async () => {
  world = await testKnowledge()
})

afterAll(() => world.drop())

describe('an answer', () => {
  it('is given again while nothing is written, says so, and is counted', async () => {
    await world.addAll('peat bogs store carbon')
    await world.settled()
    const { hits, misses } = (await world.knowledge.stats()).cache
    const asked = { query: 'carbon in bogs' }
    // Counting words and indexing go on for a moment behind a write; neither changes an answer.
    const first = await world.knowledge.query(asked)
    const second = await world.knowledge.query(asked)
    expect(first.cached).toBe(false)
    expect(second).toEqual({ ...first, cached: true, tookMs: expect.any(Number) })
    expect((await world.knowledge.query({ ...asked, limit: 6 })).cached).toBe(false)
    const { cache } = await world.knowledge.stats()
    expect([cache.hits - hits, cache.misses - misses]).toEqual([1, 2])
    expect(world.knowledge.counters()).toMatchObject({ cacheHits: cache.hits, cacheMisses: cache.misses })
    expect(cache.entries).toBeGreaterThan(0)
  })

  it('is never older than a write of this process, however both interleave', { timeout: 120_000 }, async () => {
    let run = 0
    const operation = fc.oneof(
      fc.constant('add'),
      fc.constant('erase'),
      fc.constant('expire'),
      fc.constant('move'),
      { arbitrary: fc.constant('ask'), weight: 4 },
      { arbitrary: fc.constant('ask without waiting'), weight: 3 },
    )
    const property = fc.asyncProperty(fc.array(operation, { minLength: 4, maxLength: 14 }), async (operations) => {
      run += 1
      const project = `interleaved-${run}`
      const current: number[] = []
      const later: Promise<unknown>[] = []
      const ask = async () => {
        const { results } = await world.knowledge.query({ query: 'shared', project, mode: 'text', limit: 100 })
        return results.map((hit) => hit.id).sort((a, b) => a - b)
      }
      for (const [at, kind] of operations.entries()) {
        if (kind === 'ask') expect(await ask()).toEqual(current)
        else if (kind === 'ask without waiting') later.push(ask())
        else if (kind === 'add') current.push(...(await world.addAll({ content: `shared ${at}`, project })))
        else {
          const id = current.shift()
          if (id === undefined) continue
          if (kind === 'erase') await world.knowledge.erase(id)
          else if (kind === 'expire') await world.knowledge.patch(id, { expiresAt: '2001-01-01T00:00:00Z' })
          else await world.knowledge.patch(id, { project: `${project}-moved` })
        }
      }
      await Promise.all(later)
      expect(await ask()).toEqual(current)
    })
    await fc.assert(property, { numRuns: 15 })
  })

  it('loses an item at the moment it expires', async () => {
    const project = 'expiring'
    const rows = await world.db.query<{ soon: string }>(sql`select now() + interval '700 milliseconds' as soon`)
    const expiresAt = rows[0]?.soon ?? ''
    await world.addAll({ content: 'fleeting glance', project, expiresAt }, { content: 'lasting glance', project })
    await world.settled()
    const ask = () => world.knowledge.query({ query: 'glance', project })
    expect((await ask()).results).toHaveLength(2)
    expect((await ask()).cached).toBe(true)
    await eventually(async () => expect((await ask()).results).toHaveLength(1))
    const [clock] = await world.db.query<{ late: number }>(
      sql`select extract(epoch from now() - ${expiresAt}::timestamptz)::float8 as late`,
    )
    expect(clock?.late).toBeGreaterThanOrEqual(0)
    expect(clock?.late).toBeLessThan(1)
  })

  it('is computed anew while it is degraded', async () => {
    world.embedder.down()
    const asked = { query: 'degraded answers' }
    const first = await world.knowledge.query(asked)
    expect(first.degraded).toBeDefined()
    expect((await world.knowledge.query(asked)).cached).toBe(false)
    world.embedder.up()
    await eventually(async () => expect(await world.knowledge.query(asked)).not.toHaveProperty('degraded'))
  })
})

describe('another process', () => {
  it('is heard of by its notification', async () => {
    const project = 'heard'
    await world.addAll({ content: 'echo in the valley', project })
    await world.settled()
    const peer = await world.peer()
    const ask = async () => (await world.knowledge.query({ query: 'echo', project, mode: 'text', limit: 100 })).results
    const delays: number[] = []
    for (let at = 1; at <= 9; at += 1) {
      await ask()
      await peer.knowledge.add({ content: `echo number ${at}`, project })
      const acknowledged = performance.now()
      await eventually(async () => expect(await ask()).toHaveLength(at + 1))
      delays.push(performance.now() - acknowledged)
    }
    // Half of them: one may meet a busy moment of the machine. The time bound alone would take seconds.
    expect(delays.sort((a, b) => a - b)[4]).toBeLessThan(100)
    await peer.stop()
  })

  it('is heard of when it is not one of ours', async () => {
    const project = 'psql'
    const [id = 0] = await world.addAll({ content: 'plain statement', project })
    await world.settled()
    const ask = () => world.knowledge.query({ query: 'statement', project, mode: 'text' })
    await ask()
    expect((await ask()).results).toHaveLength(1)
    await world.db.query(sql`update agent_knowledge set valid_to = now() where id = ${id}`)
    await eventually(async () => expect((await ask()).results).toEqual([]), engine === 'embedded' ? 100 : 1_000)
  })
})
