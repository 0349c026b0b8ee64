import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { fakeEmbedder } from '../harness/embedder.ts'
import { eventually, idsOf, refusal, type TestKnowledge, testKnowledge } from '../harness/knowledge.ts'

let world: TestKnowledge

beforeAll(async () => {
  world = await testKnowledge()
})

afterEach(async () => {
  world.embedder.up()
  world.embedder.poison = null
  await world.settled()
})

afterAll(() => world.drop())

describe('an embedder that goes away', () => {
  it('loses nothing: items wait, are found by words, and are embedded when it is back', async () => {
    const { knowledge, embedder } = world
    const [before = 0] = await world.addAll('Kettles whistle at a hundred degrees.')
    embedder.down()
    const away = await knowledge.add({ content: 'Teapots never whistle.' })
    expect(away).toMatchObject({ status: 'created', embedding: 'pending' })
    const batch = await knowledge.addBatch({
      items: [{ content: 'Samovars hum.' }, { content: 'Pans hiss.' }],
      atomic: true,
    })
    expect(batch.results).toMatchObject([{ embedding: 'pending' }, { embedding: 'pending' }])
    const answer = await knowledge.query({ query: 'whistle' })
    expect(answer.degraded).toEqual(['embedder_unavailable'])
    expect(answer.results.map((hit) => [hit.id, hit.similarity])).toEqual([
      [away.id, null],
      [before, null],
    ])
    expect(await refusal(knowledge.query({ query: 'whistle', mode: 'vector' }))).toMatchObject({
      code: 'embedder_unavailable',
    })
    expect(await knowledge.query({ query: 'whistle', mode: 'text' })).not.toHaveProperty('degraded')
    expect(await knowledge.health()).toEqual({
      embedder: { name: 'bag-of-words', reachable: false, detail: 'the embedder is away' },
      backlog: 3,
    })

    embedder.up()
    await world.settled()
    expect(await knowledge.health()).toEqual({ embedder: { name: 'bag-of-words', reachable: true }, backlog: 0 })
    const after = await knowledge.query({ query: 'whistle' })
    expect(after).not.toHaveProperty('degraded')
    expect(after.results.map((hit) => hit.similarity)).not.toContain(null)
    expect((await knowledge.get(away.id)).embedding).toBe('ready')
  })

  it('is noticed by the backlog alone, and its return as well', async () => {
    const { knowledge, embedder } = world
    await world.addAll('Something so that the embedder is known.')
    embedder.down()
    // Nobody asks the embedder here; another process, whose embedder is away as well, leaves an item behind.
    const away = fakeEmbedder()
    away.down()
    const peer = await world.peer({ embedder: away })
    const { id } = await peer.knowledge.add({ content: 'Left behind.' })
    await peer.stop()
    await eventually(async () => expect((await knowledge.health()).embedder.reachable).toBe(false))
    embedder.up()
    await world.settled()
    expect((await knowledge.query({ query: 'left behind', mode: 'vector', limit: 1 })).results[0]?.id).toBe(id)
  })

  it('is told apart from a slow one: adds and queries go on without waiting for ever', async () => {
    const { knowledge, embedder } = world
    await world.addAll('First come, first served.')
    const release = embedder.hold()
    const [added, answer] = await Promise.all([
      knowledge.add({ content: 'Second, while nobody answers.' }),
      knowledge.query({ query: 'first come' }),
    ])
    expect(added.embedding).toBe('pending')
    expect(answer.degraded).toEqual(['embedder_unavailable'])
    expect(answer.results.length).toBeGreaterThan(0)
    release()
    await world.settled()
    expect((await knowledge.get(added.id)).embedding).toBe('ready')
  })

  it('is not needed to start', async () => {
    const embedder = fakeEmbedder()
    embedder.down()
    const { knowledge, stop } = await world.peer({ embedder })
    expect(await knowledge.add({ content: 'Started without.' })).toMatchObject({ embedding: 'pending' })
    expect((await knowledge.query({ query: 'started' })).degraded).toEqual(['embedder_unavailable'])
    await stop()
  })
})

describe('a text that the embedder refuses', () => {
  it('is stored and found by its words, holds up no other and is not asked for again', async () => {
    const { knowledge, embedder } = world
    embedder.poison = 'arsenic'
    const poisoned = await knowledge.add({ content: 'arsenic and old lace' })
    expect(poisoned.embedding).toBe('pending')
    expect(await knowledge.add({ content: 'cyanide in coffee' })).toMatchObject({ embedding: 'ready' })
    await world.settled()
    const asked = embedder.calls.length
    expect((await knowledge.query({ query: 'lace' })).results.map((hit) => hit.id)).toContain(poisoned.id)
    expect(await knowledge.health()).toMatchObject({ embedder: { reachable: true }, backlog: 0 })
    await world.addAll('one more, so that the backlog is looked at')
    await world.settled()
    const later = embedder.calls.slice(asked).flatMap((call) => call.texts)
    expect(later.filter((text) => text.includes('arsenic'))).toEqual([])
  })

  it('is answered by words when it is a question', async () => {
    const { knowledge, embedder } = world
    const [id] = await world.addAll('strychnine is bitter')
    embedder.poison = 'strychnine'
    const answer = await knowledge.query({ query: 'strychnine' })
    expect(answer.degraded).toEqual(['query_not_embedded'])
    expect(answer.results.map((hit) => hit.id)).toEqual([id])
    expect(await refusal(knowledge.query({ query: 'strychnine', mode: 'vector' }))).toMatchObject({
      code: 'invalid_input',
    })
    expect(await knowledge.query({ query: 'bitter' })).not.toHaveProperty('degraded')
  })
})

describe('the backlog', () => {
  it('is worked off once, whichever process does it', async () => {
    const { embedder } = world
    embedder.down()
    const items = Array.from({ length: 150 }, (_, at) => ({ content: `waiting item ${at}` }))
    await world.knowledge.addBatch({ items, atomic: false })
    const others = await Promise.all([world.peer(), world.peer()])
    expect((await others[0]?.knowledge.health())?.backlog).toBe(150)
    const asked = embedder.calls.length
    embedder.up()
    await world.settled()
    const texts = embedder.calls.slice(asked).flatMap((call) => call.texts.filter((text) => text.startsWith('waiting')))
    expect(texts).toHaveLength(150)
    expect(new Set(texts).size).toBe(150)
    // Another process may have been the first to notice that the embedder is back.
    await eventually(async () => expect((await world.knowledge.health()).embedder.reachable).toBe(true))
    expect(await idsOf(world.knowledge, { query: 'waiting item', mode: 'vector', limit: 100 })).toHaveLength(100)
    await Promise.all(others.map((other) => other.stop()))
  })

  it('makes answers say that they lack vectors, until it is gone', async () => {
    const { knowledge, embedder } = world
    await world.addAll('known')
    const release = embedder.hold()
    const { documents } = await knowledge.ingest({ documents: [{ path: 'a.md', content: '# A\n\nfresh page' }] })
    expect(documents).toMatchObject([{ status: 'created' }])
    const asking = knowledge.query({ query: 'fresh page' })
    release()
    expect((await asking).degraded).toEqual(['embedding_backlog'])
    await world.settled()
    expect(await knowledge.query({ query: 'fresh page' })).not.toHaveProperty('degraded')
  })

  it('finishes items whose vectors a killed process had stored already', async () => {
    const [id = 0] = await world.addAll('almost done')
    await world.db.query(sql`update agent_knowledge set embedding_state = 'pending' where id = ${id}`)
    const asked = world.embedder.calls.length
    await world.settled()
    expect(world.embedder.calls.length).toBe(asked)
  })
})

describe('a server that is set to another model', () => {
  it('says so and uses words alone, so that vectors of two models never meet', async () => {
    const [first = 0] = await world.addAll({ content: 'vectors of the first model', project: 'mismatch' })
    const other = fakeEmbedder({ model: 'other-model', dimensions: 32 })
    const { knowledge, stop } = await world.peer({ embedder: other })
    const asked = { query: 'vectors', project: 'mismatch' }
    const answer = await knowledge.query(asked)
    expect(answer.degraded).toEqual(['space_mismatch'])
    expect(answer.results.map((hit) => hit.id)).toEqual([first])
    expect(await refusal(knowledge.query({ ...asked, mode: 'vector' }))).toMatchObject({
      code: 'space_mismatch',
      message: expect.stringMatching(/bag-of-words.*other-model/),
    })
    const added = await knowledge.add({ content: 'text of the second server', project: 'mismatch' })
    expect(added.embedding).toBe('pending')
    expect((await knowledge.health()).embedder).toMatchObject({
      reachable: false,
      detail: expect.stringContaining('other-model'),
    })
    await stop()
    await world.addAll('a write wakes the backlog')
    await world.settled()
    expect(other.calls.filter((call) => call.kind === 'document')).toEqual([])
    const spaces = await world.db.query(sql`select model, status from embedding_spaces`)
    expect(spaces).toEqual([{ model: 'bag-of-words', status: 'active' }])
    const [vectors] = await world.db.query(sql`
      select count(*) as wrong from knowledge_vectors where vector_dims(embedding) <> 64`)
    expect(vectors).toEqual({ wrong: 0 })
  })

  it('leaves the choice to whoever is first', async () => {
    const fresh = await testKnowledge({ start: false })
    const peers = await Promise.all(['a', 'b', 'c'].map((model) => fresh.peer({ embedder: fakeEmbedder({ model }) })))
    const added = await Promise.all(peers.map((peer, at) => peer.knowledge.add({ content: `from server ${at}` })))
    expect(added.filter((result) => result.embedding === 'ready').length).toBeLessThanOrEqual(1)
    expect(await fresh.db.query(sql`select status from embedding_spaces`)).toEqual([{ status: 'active' }])
    await fresh.drop()
  })
})

describe('an embedder that is lost in the middle of a batch', () => {
  it('leaves to the backlog only what it had not finished', async () => {
    const fake = fakeEmbedder()
    const asked: number[] = []
    const embed: typeof fake.embed = async (texts, kind, signal) => {
      asked.push(texts.length)
      if (asked.length === 2) fake.down()
      return fake.embed(texts, kind, signal)
    }
    const process = await world.peer({ embedder: { ...fake, embed }, start: false })
    const items = Array.from({ length: 70 }, (_, at) => ({ content: `Lost in the middle ${at}.` }))
    const { results } = await process.knowledge.addBatch({ items, atomic: false })
    expect(asked).toEqual([32, expect.any(Number)])
    const states = results.map((result) => (result.status === 'created' ? result.embedding : result.status))
    expect(states).toEqual([...Array(32).fill('ready'), ...Array(38).fill('pending')])
    await process.stop()
  })
})
