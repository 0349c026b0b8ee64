import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, type TestKnowledge, testKnowledge } from '../harness/knowledge.ts'

let world: TestKnowledge

beforeAll(async () => {
  world = await testKnowledge()
})

afterAll(() => world.drop())

/** One project of the store, and what must be in it. */
class Model {
  readonly #project: string
  readonly #current: number[] = []
  readonly #later: Promise<unknown>[] = []

  constructor(project: string) {
    this.#project = project
  }

  async add(at: number): Promise<void> {
    this.#current.push(...(await world.addAll({ content: `shared ${at}`, project: this.#project })))
  }

  async erase(): Promise<void> {
    const id = this.#current.shift()
    if (id !== undefined) await world.knowledge.erase(id)
  }

  async expire(): Promise<void> {
    const id = this.#current.shift()
    if (id !== undefined) await world.knowledge.patch(id, { expiresAt: '2001-01-01T00:00:00Z' })
  }

  async move(): Promise<void> {
    const id = this.#current.shift()
    if (id !== undefined) await world.knowledge.patch(id, { project: `${this.#project}-moved` })
  }

  async ask(): Promise<void> {
    expect(await this.#answer()).toEqual(this.#current)
  }

  /** The writes that follow happen while this is computed. */
  askAtOnce(): void {
    this.#later.push(this.#answer())
  }

  async end(): Promise<void> {
    await Promise.all(this.#later)
    await this.ask()
  }

  async #answer(): Promise<number[]> {
    const asked = { query: 'shared', project: this.#project, mode: 'text', limit: 100 } as const
    const { results } = await world.knowledge.query(asked)
    return results.map((hit) => hit.id).sort((a, b) => a - b)
  }
}

const writes = (['add', 'erase', 'expire', 'move'] as const).map((step) => fc.constant(step))
const questions = ['ask', 'askAtOnce'] as const

describe('an answer', () => {
  it('is given again while nothing is written, says so, and is counted', async () => {
    await world.addAll('peat bogs store carbon')
    await world.quiet()
    const { hits, misses } = (await world.knowledge.stats()).cache
    const asked = { query: 'carbon in bogs' }
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
    const operations = fc.array(fc.oneof(...writes, { arbitrary: fc.constantFrom(...questions), weight: 7 }), {
      minLength: 4,
      maxLength: 14,
    })
    const property = fc.asyncProperty(operations, async (steps) => {
      run += 1
      const model = new Model(`interleaved-${run}`)
      for (const [at, step] of steps.entries()) await model[step](at)
      await model.end()
    })
    await fc.assert(property, { numRuns: 15 })
  })

  it('loses an item at the moment it expires', async () => {
    const project = 'expiring'
    const rows = await world.db.query<{ soon: string }>(sql`select now() + interval '6 seconds' as soon`)
    const expiresAt = rows[0]?.soon ?? ''
    await world.addAll({ content: 'fleeting glance', project, expiresAt }, { content: 'lasting glance', project })
    await world.quiet()
    const ask = () => world.knowledge.query({ query: 'glance', project })
    expect((await ask()).results).toHaveLength(2)
    expect((await ask()).cached).toBe(true)
    await eventually(async () => expect((await ask()).results).toHaveLength(1))
    const [clock] = await world.db.query<{ late: number }>(
      sql`select extract(epoch from now() - ${expiresAt}::timestamptz)::float8 as late`,
    )
    expect(clock?.late).toBeGreaterThanOrEqual(0)
    // An answer kept as long as any other would be later.
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
    await world.quiet()
    const ask = () => world.knowledge.query({ query: 'statement', project, mode: 'text' })
    await ask()
    expect((await ask()).results).toHaveLength(1)
    await world.db.query(sql`update agent_knowledge set valid_to = now() where id = ${id}`)
    await eventually(async () => expect((await ask()).results).toEqual([]), 1_000)
  })
})
