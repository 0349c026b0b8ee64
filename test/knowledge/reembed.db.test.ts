import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import { Maintenance } from '../../src/knowledge/background/maintenance.ts'
import { reembed } from '../../src/knowledge/spaces/reembed.ts'
import { EmbeddingSpaces } from '../../src/knowledge/spaces/spaces.ts'
import { fakeEmbedder } from '../harness/embedder.ts'
import { eventually, refusal, type TestKnowledge, type TestProcess, testKnowledge } from '../harness/knowledge.ts'
import { type StandIn, startStandIn } from './embedders/stand-ins.ts'

let store: TestKnowledge
/** A process that embeds with the model before. */
let world: TestProcess
/** Serves the model to come. */
let server: StandIn

beforeAll(async () => {
  store = await testKnowledge({ start: false })
})

beforeEach(async () => {
  ;[world, server] = await Promise.all([
    store.peer({ embedder: fakeEmbedder() }),
    startStandIn('openai', { model: 'new-model' }),
  ])
})

afterEach(async () => {
  await world.stop()
  await server.stop()
  await store.db.query(sql`truncate agent_knowledge, embedding_spaces cascade`)
})

afterAll(() => store.drop())

const begin = ({ knowledge }: TestProcess) =>
  knowledge.useEmbeddings({ kind: 'openai', url: server.url, model: 'new-model' })

async function fill(count: number): Promise<void> {
  const items = Array.from({ length: count }, (_, at) => ({ content: `Fact ${at}: topic${at} is settled.` }))
  await world.knowledge.addBatch({ items, atomic: false })
}

async function phase({ knowledge }: TestProcess): Promise<string | undefined> {
  return (await knowledge.embeddings()).reembedding?.phase
}

const switched = (process: TestProcess) => eventually(async () => expect(await phase(process)).toBe('switched'))

const ask = ({ knowledge }: TestProcess) => knowledge.query({ query: 'topic1 is settled', mode: 'vector' })

/** Vectors by model. */
function vectors(): Promise<unknown[]> {
  return world.db.query(sql`
    select s.model, s.status, count(v.chunk_id) as vectors from embedding_spaces s
    left join knowledge_vectors v on v.space_id = s.id group by s.id order by s.id`)
}

/** The indexes of all spaces that there are. */
function indexes(): Promise<unknown[]> {
  return world.db.query(sql`
    select indexname from pg_indexes i
    join embedding_spaces s on i.indexname = 'knowledge_vectors_space_' || s.id`)
}

describe('another model', () => {
  it('takes over while questions are answered, with all that is added meanwhile, and clears away the old', async () => {
    const { knowledge } = world
    await fill(150)
    expect(await begin(world)).toEqual({ started: true, model: 'new-model' })
    const added: number[] = []
    for (let at = 0; (await phase(world)) !== 'switched'; at += 1) {
      expect(await phase(world)).toMatch(/embedding|indexing|switched/)
      added.push((await knowledge.add({ content: `Meanwhile ${at}.` })).id)
      const answer = await knowledge.query({ query: `topic${at} is settled`, mode: 'vector', limit: 3 })
      expect(answer.results).toHaveLength(3)
      expect(answer.degraded ?? []).not.toContain('embedder_unavailable')
    }
    expect(added.length).toBeGreaterThan(0)
    await store.settled()
    const { space } = await knowledge.stats()
    expect(space).toMatchObject({ model: 'new-model', dimensions: 16, vectors: (await knowledge.stats()).chunks })
    expect(space?.vectors).toBeGreaterThanOrEqual(150 + added.length)
    expect(await knowledge.query({ query: 'Meanwhile', mode: 'vector', limit: 1 })).not.toHaveProperty('degraded')
    expect((await knowledge.health()).embedder).toMatchObject({ reachable: true })
    expect(server.requests.some((request) => request.texts.includes('Meanwhile'))).toBe(true)

    const log = createLog({ level: 'silent' })
    const spaces = new EmbeddingSpaces({
      db: world.db,
      embedder: fakeEmbedder(),
      log,
      onReady: () => undefined,
      description: null,
      follow: null,
    })
    const house = new Maintenance({ db: world.db, spaces, log, onWrite: () => undefined })
    await house.keepHouse()
    expect(await vectors()).toMatchObject([{ model: 'bag-of-words', status: 'retired' }, { model: 'new-model' }])
    expect(await indexes()).toHaveLength(2)
    // Time passes: every process has noticed the switch.
    await world.db.query(sql`update embedding_spaces set activated_at = activated_at - interval '1 minute'`)
    while (await house.keepHouse());
    expect(await vectors()).toEqual([{ model: 'new-model', status: 'active', vectors: space?.vectors }])
    const all = await world.db.query(sql`select from pg_indexes where indexname like 'knowledge_vectors_space_%'`)
    expect([all.length, (await indexes()).length]).toEqual([1, 1])
  })

  it('takes over although there is always something new to embed', async () => {
    await fill(70)
    const fake = fakeEmbedder({ model: 'new-model' })
    let added = 0
    const embed: typeof fake.embed = async (texts, kind, signal) => {
      added += 1
      expect(added).toBeLessThan(20)
      await world.knowledge.add({ content: `Added for batch ${added}.` })
      return fake.embed(texts, kind, signal)
    }
    const never = new AbortController().signal
    const log = createLog({ level: 'silent' })
    const done = await reembed(world.db, { ...fake, embed }, { kind: 'openai' }, log, () => undefined, never)
    expect(done).toMatchObject({ model: 'new-model', phase: 'switched' })
    const [waiting] = await world.db.query<{ items: number }>(
      sql`select count(*) as items from agent_knowledge where embedding_state = 'pending'`,
    )
    expect(waiting?.items).toBeGreaterThan(0)
  })

  it('is noticed by other processes, which do not mix', async () => {
    await fill(20)
    const other = await store.peer({ embedder: fakeEmbedder() })
    expect((await ask(other)).results).toHaveLength(5)
    await begin(world)
    await switched(world)
    const early = await other.knowledge.add({ content: 'Written before it was noticed.' })
    await eventually(async () => {
      expect((await other.knowledge.query({ query: 'topic1 settled' })).degraded).toContain('space_mismatch')
    })
    expect((await other.knowledge.query({ query: 'topic1' })).results.map((hit) => hit.similarity)).toEqual([null])
    await world.knowledge.add({ content: 'Wakes the backlog.' })
    await store.settled()
    expect((await world.knowledge.get(early.id)).embedding).toBe('ready')
    const [mixed] = await world.db.query(sql`
      select count(*) as wrong from knowledge_vectors v join embedding_spaces s on s.id = v.space_id
      where s.status <> 'retired' and vector_dims(v.embedding) <> s.dimensions`)
    expect(mixed).toEqual({ wrong: 0 })
    await other.stop()
  })

  it('goes on where an aborted run ended', async () => {
    await fill(200)
    const first = await store.peer({ embedder: fakeEmbedder() })
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
    expect((await ask(world)).results).toHaveLength(5)
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
    expect((await ask(world)).results).toHaveLength(5)
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
    expect((await ask(world)).results).toHaveLength(5)
    await server.start()
    await begin(world)
    await switched(world)
  })

  it('is taken up by one process at a time', async () => {
    await fill(40)
    const other = await store.peer({ embedder: fakeEmbedder() })
    const started = await Promise.allSettled([begin(world), begin(world)])
    expect(started.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await begin(other)
    await eventually(async () => {
      const phases = [await phase(world), await phase(other)]
      expect(phases.filter((one) => one === 'embedding' || one === 'indexing')).toEqual([])
    })
    expect([await phase(world), await phase(other)]).toContain('switched')
    await other.stop()
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
