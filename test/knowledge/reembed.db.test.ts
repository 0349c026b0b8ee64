import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import { Maintenance } from '../../src/knowledge/background/maintenance.ts'
import { EmbeddingSpaces } from '../../src/knowledge/spaces/spaces.ts'
import { fakeEmbedder } from '../harness/embedder.ts'
import { eventually, refusal, type TestKnowledge, type TestProcess, testKnowledge } from '../harness/knowledge.ts'
import { type StandIn, startStandIn } from './embedders/stand-ins.ts'

let world: TestKnowledge
let server: StandIn
/** A new one for each test. */
let model = ''
let tests = 0

beforeAll(async () => {
  ;[world, server] = await Promise.all([testKnowledge(), startStandIn('openai')])
})

beforeEach(() => {
  tests += 1
  model = `model-${tests}`
  server.model = model
})

afterAll(async () => {
  await world.drop()
  await server.stop()
})

const begin = ({ knowledge }: TestProcess) => knowledge.useEmbeddings({ kind: 'openai', url: server.url, model })

/** Items of this test; their number. */
async function fill(count: number): Promise<number> {
  const items = Array.from({ length: count }, (_, at) => ({
    content: `Fact ${at} of ${model}: topic${at} is settled.`,
  }))
  return (await world.knowledge.addBatch({ items, atomic: false })).created
}

async function phase({ knowledge }: TestProcess): Promise<string | undefined> {
  return (await knowledge.embeddings()).reembedding?.phase
}

const switched = (process: TestProcess) =>
  eventually(async () => {
    expect((await process.knowledge.embeddings()).reembedding).toMatchObject({ phase: 'switched', model })
  })

/** What is known of the space of a model; vectors are counted. */
async function spaceOf(wanted: string): Promise<EmbeddingSpaceStatus | undefined> {
  return (await world.knowledge.embeddings()).spaces.find((space) => space.model === wanted)
}

async function countChunks(): Promise<number> {
  return (await world.knowledge.stats()).chunks
}

const ask = ({ knowledge }: TestProcess) => knowledge.query({ query: 'topic1 is settled', mode: 'vector' })

describe('another model', () => {
  it('takes over while questions are answered, with all that is added meanwhile, and clears away the old', async () => {
    const { knowledge } = world
    await fill(150)
    expect(await begin(world)).toEqual({ started: true, model })
    const added: number[] = []
    for (let at = 0; (await phase(world)) !== 'switched'; at += 1) {
      expect(await phase(world)).toMatch(/embedding|indexing|switched/)
      const { id, embedding } = await knowledge.add({ content: `Meanwhile ${at}.` })
      if (embedding === 'ready') added.push(id)
      const answer = await knowledge.query({ query: `topic${at} is settled`, mode: 'vector', limit: 3 })
      expect(answer.results).toHaveLength(3)
      expect(answer.degraded ?? []).not.toContain('embedder_unavailable')
    }
    expect(added.length).toBeGreaterThan(0)
    await world.settled()
    const { space } = await knowledge.stats()
    expect(space).toMatchObject({ model, dimensions: 16, vectors: await countChunks() })
    expect(space?.vectors).toBeGreaterThanOrEqual(150 + added.length)
    expect(await knowledge.query({ query: 'Meanwhile', mode: 'vector', limit: 1 })).not.toHaveProperty('degraded')
    expect((await knowledge.health()).embedder).toMatchObject({ reachable: true })
    expect(server.requests.some((request) => request.texts.includes('Meanwhile'))).toBe(true)

    const log = createLog({ level: 'silent' })
    const spaces = new EmbeddingSpaces({
      db: world.db,
      embedder: world.embedder,
      log,
      onReady: () => undefined,
      description: null,
      follow: null,
    })
    const house = new Maintenance({ db: world.db, spaces, log, onWrite: () => undefined })
    await house.keepHouse()
    expect(await spaceOf('bag-of-words')).toMatchObject({ active: false })
    expect((await spaceOf('bag-of-words'))?.vectors).toBeGreaterThan(0)
    // Time passes: every process has noticed the switch.
    await world.db.query(sql`update embedding_spaces set activated_at = activated_at - interval '1 minute'`)
    while (await house.keepHouse());
    const { spaces: left } = await knowledge.embeddings()
    expect(left).toMatchObject([{ model, active: true, vectors: space?.vectors }])
    expect(
      await world.db.query(sql`
      select indexname from pg_indexes where indexname like 'knowledge_vectors_space_%'`),
    ).toHaveLength(1)
  })

  it('is noticed by other processes, which do not mix', async () => {
    await fill(20)
    // Set to the model that is in use now.
    const current = must((await world.knowledge.stats()).space, 'the first test has switched').model
    const other = await world.peer({ embedder: createEmbedder({ kind: 'openai', url: server.url, model: current }) })
    expect((await ask(other)).results).toHaveLength(5)
    await begin(world)
    await switched(world)
    const early = await other.knowledge.add({ content: 'Written before it was noticed.' })
    await eventually(async () => {
      expect((await other.knowledge.query({ query: 'topic1 settled' })).degraded).toContain('space_mismatch')
    })
    expect((await other.knowledge.query({ query: 'topic1' })).results.map((hit) => hit.similarity)).toEqual([null])
    await world.addAll('Wakes the backlog.')
    await world.settled()
    expect((await world.knowledge.get(early.id)).embedding).toBe('ready')
    const [mixed] = await world.db.query(sql`
      select count(*) as wrong from knowledge_vectors v join embedding_spaces s on s.id = v.space_id
      where s.status <> 'retired' and vector_dims(v.embedding) <> s.dimensions`)
    expect(mixed).toEqual({ wrong: 0 })
    await other.stop()
  })

  it('goes on where an aborted run ended', async () => {
    await fill(200)
    const first = await world.peer()
    await begin(first)
    for (let requests = 0; requests < 3; requests += 1) await server.nextRequest()
    server.fail({ kind: 'hang' })
    await server.nextRequest()
    await first.stop()
    server.recover()
    const [kept] = await world.db.query<{ vectors: number }>(sql`
      select count(*) as vectors from knowledge_vectors v
      join embedding_spaces s on s.id = v.space_id and s.model = 'new-model'`)
    expect(kept?.vectors).toBeGreaterThan(0)
    expect((await world.knowledge.query({ query: 'topic7', mode: 'vector' })).results).toHaveLength(5)
    const before = server.requests.length
    await begin(world)
    await switched(world)
    const texts = server.requests.slice(before).flatMap((request) => request.texts)
    expect(texts.filter((text) => text.startsWith('Fact'))).toHaveLength(200 - (kept?.vectors ?? 0))
    expect(await vectors()).toContainEqual({ model: 'new-model', status: 'active', vectors: 200 })
  })

  it('is refused while it cannot be reached, and the store stays as it is', async () => {
    await fill(5)
    await server.stop()
    expect(await refusal(begin(world))).toMatchObject({ code: 'embedder_unavailable' })
    expect(await vectors()).toEqual([{ model: 'bag-of-words', status: 'active', vectors: 5 }])
    expect((await world.knowledge.query({ query: 'topic1', mode: 'vector' })).results).toHaveLength(5)
  })

  it('fails when it goes away for good midway, says so, and the old one goes on', async () => {
    await fill(100)
    server.fail({ kind: 'status', status: 400, body: { error: { message: 'no' } } })
    await refusal(begin(world))
    server.recover()
    await begin(world)
    await server.nextRequest()
    await server.stop()
    await eventually(async () => expect(await phase(world)).toMatch(/failed|switched/), 60_000)
    const { reembedding } = await world.knowledge.embeddings()
    expect(reembedding).toMatchObject({ phase: 'failed', model: 'new-model', error: expect.any(String) })
    expect((await world.knowledge.query({ query: 'topic1', mode: 'vector' })).results).toHaveLength(5)
    await server.start()
    await begin(world)
    await switched(world)
  })

  it('is taken up by one process at a time', async () => {
    await fill(40)
    const other = await world.peer()
    const started = await Promise.allSettled([begin(world), begin(world)])
    expect(started.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await begin(other)
    await eventually(async () => {
      const phases = [await phase(world), await phase(other)]
      expect(phases.filter((one) => one === 'embedding' || one === 'indexing')).toEqual([])
    })
    expect([await phase(world), await phase(other)]).toContain('switched')
    expect(await vectors()).toContainEqual({ model: 'new-model', status: 'active', vectors: 40 })
  })

  it('that is in use already changes nothing', async () => {
    await fill(3)
    await begin(world)
    await switched(world)
    const requests = server.requests.length
    await begin(world)
    await switched(world)
    expect(
      server.requests
        .slice(requests)
        .flatMap((request) => request.texts)
        .filter((text) => text.startsWith('Fact')),
    ).toEqual([])
    expect(await vectors()).toContainEqual({ model: 'new-model', status: 'active', vectors: 3 })
  })
})
