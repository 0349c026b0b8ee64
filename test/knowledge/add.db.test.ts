import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeExpired } from '../../src/knowledge/background/queries.ts'
import { eventually, idsOf, refusal, type TestKnowledge, testKnowledge } from '../harness/knowledge.ts'

let world: TestKnowledge

beforeAll(async () => {
  world = await testKnowledge()
})

afterAll(() => world.drop())

/** A word of letters of three bytes, another for each number. */
function vietnamese(at: number, letter: string): string {
  const digits = [...at.toString(2).padStart(12, '0')].map((digit) => (digit === '1' ? 'ữ' : 'ứ'))
  return letter.repeat(86) + digits.join('')
}

describe('add', () => {
  it('stores a text and says what it became', async () => {
    const added = await world.knowledge.add({ content: 'The nightly build needs 12 GB of memory.' })
    expect(added).toEqual({
      id: expect.any(Number),
      status: 'created',
      contentHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      chunks: 1,
      embedding: 'ready',
    })
    expect(await idsOf(world.knowledge, 'memory of the nightly build')).toContain(added.id)
  })

  it('answers the same text with the item that holds it, however its letters and line ends are written', async () => {
    const first = await world.knowledge.add({ content: 'Café opens\nat nine' })
    const again = await world.knowledge.add({ content: 'Cafe\u0301 opens\r\nat nine' })
    expect(again).toEqual({ ...first, status: 'duplicate' })
    const { content } = await world.knowledge.get(first.id)
    expect(content).toBe('Café opens\nat nine')
  })

  it('keeps the same text apart by project and scope', async () => {
    const content = 'Deploys happen on Tuesdays.'
    const places = [{}, { project: 'a' }, { project: 'b' }, { project: 'a', scope: 'team' }, { scope: 'team' }]
    const ids: number[] = []
    for (const place of places) {
      const added = await world.knowledge.add({ content, ...place })
      expect(added.status).toBe('created')
      ids.push(added.id)
    }
    expect(new Set(ids).size).toBe(places.length)
    const again = await world.knowledge.add({ content, project: 'a', scope: 'team' })
    expect(again).toMatchObject({ status: 'duplicate', id: ids[3] })
    expect(await idsOf(world.knowledge, { query: 'deploys on tuesdays', project: 'b' })).toEqual([ids[2]])
  })

  it('gives back every field as it was handed over', async () => {
    const item = {
      content: 'Retries are capped at five.',
      title: 'Retry policy',
      knowledgeType: 'pattern',
      category: 'networking',
      tags: ['http', 'with "quotes"', 'a,b', 'ünïcode'],
      project: 'p{1}',
      scope: 'x y',
      metadata: { snake_key: { deepKey: [1, null, 'é'] }, empty: {} },
      source: { session: 's-1', task: 't-1', agent: 'claude', url: 'https://example.com/a?b=c', commit: 'deadbeef' },
      importance: 0.75,
      expiresAt: '2999-01-01T00:00:00.000000Z',
    }
    const { id, contentHash } = await world.knowledge.add(item)
    const { createdAt, ...stored } = await world.knowledge.get(id)
    expect(stored).toEqual({
      ...item,
      id,
      contentHash,
      validFrom: createdAt,
      validTo: null,
      supersededBy: null,
      accessCount: 0,
      lastAccessed: null,
      updatedAt: createdAt,
      embedding: 'ready',
      chunks: 1,
    })
  })

  it('gives what was left out its default', async () => {
    const { id } = await world.knowledge.add({ content: 'Nothing but a text.' })
    expect(await world.knowledge.get(id)).toMatchObject({
      title: null,
      knowledgeType: 'note',
      category: null,
      tags: [],
      project: null,
      scope: 'global',
      metadata: {},
      source: {},
      importance: 0.5,
      expiresAt: null,
    })
  })

  it('makes the words of a title findable', async () => {
    const { id } = await world.knowledge.add({ content: 'See the wiki.', title: 'Zeppelin landing procedure' })
    expect(await idsOf(world.knowledge, { query: 'zeppelins', mode: 'text' })).toEqual([id])
  })

  it.each([
    ['stop words', 'the of and to a in'],
    ['punctuation', '!!! ... ??? ---'],
    ['an emoji', '🚀'],
    ['emoji between words', 'ship 🚀 it 👩‍👩‍👧‍👦 now'],
    ['one letter', 'x'],
    ['right-to-left text', 'שלום עולם'],
    ['text without spaces', '数据库连接池耗尽时会发生什么'],
  ])('stores a text of %s, once, and gives it back', async (_, content) => {
    const added = await world.knowledge.add({ content, project: 'odd' })
    expect(added).toMatchObject({ status: 'created', embedding: 'ready' })
    expect(await world.knowledge.add({ content, project: 'odd' })).toEqual({ ...added, status: 'duplicate' })
    expect((await world.knowledge.get(added.id)).content).toBe(content)
    expect(await idsOf(world.knowledge, { query: content, project: 'odd', limit: 100 })).toContain(added.id)
  })

  it('stores a text of several hundred kilobytes, cut into passages that find it', async () => {
    const paragraphs = Array.from({ length: 5_000 }, (_, at) => `Paragraph ${at} tells of valve${at} and its owner.`)
    const far = 'Lighthouse keepers feed seven hungry gulls. '.repeat(20)
    const content = [...paragraphs, far, ...paragraphs.slice(0, 100)].join('\n\n')
    expect(content.length).toBeGreaterThan(200_000)
    const added = await world.knowledge.add({ content, project: 'large' })
    expect(added.chunks).toBeGreaterThan(50)
    expect((await world.knowledge.get(added.id)).content).toBe(content)
    expect(await idsOf(world.knowledge, { query: 'valve7', project: 'large', mode: 'text' })).toEqual([added.id])
    await world.settled()
    const { results } = await world.knowledge.query({ query: 'Lighthouse keepers feed hungry gulls', project: 'large' })
    expect(results[0]?.passage).toContain('gulls')
  })

  it.each([
    ['distinct Vietnamese paths', (at: number) => `x/${vietnamese(at, 'ạ')}/${vietnamese(at, 'ế')}`],
    ['distinct short words', (at: number) => at.toString(36)],
    ['distinct paths', (at: number) => `src/${'a'.repeat(80)}${at}/${'b'.repeat(80)}${at}.ts`],
  ])('stores a text of nothing but %s', async (_, word) => {
    let content = ''
    for (let at = 0; content.length < 300_000; at += 1) content += `${word(at)} `
    const added = await world.knowledge.add({ content, project: 'dense' })
    expect(added.status).toBe('created')
  })

  it('refuses what the database cannot hold, and stores nothing', async () => {
    expect(await refusal(world.knowledge.add({ content: 'a\u0000b' }))).toMatchObject({ code: 'invalid_input' })
    expect(await refusal(world.knowledge.add({ content: 'importance', importance: 7 }))).toMatchObject({
      code: 'invalid_input',
    })
    expect((await world.knowledge.list({ limit: 200 })).items.map((item) => item.content)).not.toContain('importance')
  })
})

describe('supersedes', () => {
  it('replaces an item, which stays in the history', async () => {
    const project = 'chain'
    const [first = 0] = await world.addAll({ content: 'The port is 8000.', project })
    const second = await world.knowledge.add({ content: 'The port is 8080.', project, supersedes: first })
    const third = await world.knowledge.add({ content: 'The port is 8780.', project, supersedes: second.id })
    expect(await idsOf(world.knowledge, { query: 'which port', project, limit: 10 })).toEqual([third.id])
    expect(await world.knowledge.get(first)).toMatchObject({ supersededBy: second.id, validTo: expect.any(String) })
    const { items } = await world.knowledge.history(second.id)
    expect(items.map(({ kind, id }) => [kind, id])).toEqual([
      ['created', first],
      ['superseded', first],
      ['created', second.id],
      ['superseded', second.id],
      ['created', third.id],
    ])
    expect(await world.knowledge.history(first)).toEqual({ items })
    expect(await world.knowledge.history(first, 2)).toEqual({ items: items.slice(-2) })
    const { items: listed } = await world.knowledge.list({ project, includeHistory: true })
    expect(listed.map((item) => item.id)).toEqual([third.id, second.id, first])
  })

  it('answers a question about the past as the store stood then', async () => {
    const project = 'past'
    const [first = 0] = await world.addAll({ content: 'The leader is host alpha.', project })
    const { createdAt } = await world.knowledge.get(first)
    const second = await world.knowledge.add({ content: 'The leader is host beta.', project, supersedes: first })
    const asked = { query: 'leader host', project }
    expect(await idsOf(world.knowledge, { ...asked, asOf: createdAt })).toEqual([first])
    expect(await idsOf(world.knowledge, asked)).toEqual([second.id])
    expect((await world.knowledge.list({ project, asOf: createdAt })).items.map((item) => item.id)).toEqual([first])
  })

  it('is refused the second time, saying by what the item was replaced, and stores nothing', async () => {
    const project = 'twice'
    const [first = 0] = await world.addAll({ content: 'Version one.', project })
    const second = await world.knowledge.add({ content: 'Version two.', project, supersedes: first })
    const error = await refusal(world.knowledge.add({ content: 'Version three.', project, supersedes: first }))
    expect(error).toMatchObject({ code: 'conflict', message: expect.stringContaining(String(second.id)) })
    expect((await world.knowledge.list({ project })).items.map((item) => item.id)).toEqual([second.id])
  })

  it('is refused for an id that does not exist, naming the field', async () => {
    const error = await refusal(world.knowledge.add({ content: 'Follows nothing.', supersedes: 999_999 }))
    expect(error).toMatchObject({ code: 'invalid_input', errors: [{ pointer: '/supersedes' }] })
  })

  it('can be repeated, as after an answer that was lost', async () => {
    const project = 'lost'
    const [first = 0] = await world.addAll({ content: 'Old fact.', project })
    const replacing = { content: 'New fact.', project, supersedes: first }
    const second = await world.knowledge.add(replacing)
    expect(await world.knowledge.add(replacing)).toEqual({ ...second, status: 'duplicate' })
  })

  it('by the same text changes nothing', async () => {
    const project = 'itself'
    const [id = 0] = await world.addAll({ content: 'The same.', project })
    const again = await world.knowledge.add({ content: 'The same.', project, supersedes: id })
    expect(again).toMatchObject({ id, status: 'duplicate' })
    expect(await world.knowledge.get(id)).toMatchObject({ validTo: null, supersededBy: null })
  })

  it('closes the item also when the replacing text is there already', async () => {
    const project = 'merged'
    const [wrong = 0, right = 0] = await world.addAll(
      { content: 'It is a bug.', project },
      { content: 'It is a feature.', project },
    )
    expect(await world.knowledge.add({ content: 'It is a feature.', project, supersedes: wrong })).toMatchObject({
      id: right,
      status: 'duplicate',
    })
    expect(await world.knowledge.get(wrong)).toMatchObject({ supersededBy: right })
    expect((await world.knowledge.list({ project })).items.map((item) => item.id)).toEqual([right])
  })

  it('does not bring an expired item back into the past', async () => {
    const project = 'expired-then-superseded'
    const [first = 0] = await world.addAll({ content: 'Certificate A is in use.', project })
    const { expiresAt } = await world.knowledge.patch(first, { expiresAt: '2001-01-01T00:00:00Z' })
    await closeExpired(world.db, 100)
    await world.knowledge.add({ content: 'Certificate B is in use.', project, supersedes: first })
    expect((await world.knowledge.get(first)).validTo).toBe(expiresAt)
  })
})

describe('expiry', () => {
  it('takes an item out of every answer, and its text can be added anew', async () => {
    const project = 'expiry'
    const item = { content: 'The freeze lasts until Friday.', project }
    const [first = 0] = await world.addAll(item)
    await world.knowledge.patch(first, { expiresAt: new Date(0).toISOString() })
    expect(await idsOf(world.knowledge, { query: 'freeze friday', project })).toEqual([])
    expect((await world.knowledge.list({ project })).items).toEqual([])
    const again = await world.knowledge.add(item)
    expect(again).toMatchObject({ status: 'created' })
    expect(again.id).not.toBe(first)
    expect(await idsOf(world.knowledge, { query: 'freeze friday', project })).toEqual([again.id])
    const { items } = await world.knowledge.history(first)
    expect(items.map(({ kind }) => kind)).toEqual(['created', 'changed', 'expired'])
  })

  it('is by the clock of the database: the item is found until then', async () => {
    const project = 'soon'
    const rows = await world.db.query<{ soon: string }>(sql`select now() + interval '400 milliseconds' as soon`)
    const expiresAt = rows[0]?.soon ?? ''
    const { id } = await world.knowledge.add({ content: 'Lunch is ready.', project, expiresAt })
    expect(await idsOf(world.knowledge, { query: 'lunch', project })).toEqual([id])
    await eventually(async () => expect(await idsOf(world.knowledge, { query: 'lunch', project })).toEqual([]))
    const [now] = await world.db.query<{ passed: boolean }>(sql`select now() >= ${expiresAt}::timestamptz as passed`)
    expect(now).toEqual({ passed: true })
  })

  it('can be lifted and put off, also after it has passed', async () => {
    const project = 'lifted'
    const [id = 0] = await world.addAll({ content: 'The staging key is valid.', project })
    for (const expiresAt of [null, '2999-01-01T00:00:00Z']) {
      await world.knowledge.patch(id, { expiresAt: new Date(0).toISOString() })
      await closeExpired(world.db, 100)
      expect((await world.knowledge.get(id)).validTo).not.toBeNull()
      await world.knowledge.patch(id, { expiresAt })
      expect(await idsOf(world.knowledge, { query: 'staging key', project })).toEqual([id])
    }
  })
})

describe('items', () => {
  it('are changed field by field, keeping what was', async () => {
    const [id = 0] = await world.addAll({ content: 'Shards are rebalanced at night.', title: 'Shards', tags: ['a'] })
    const changed = await world.knowledge.patch(id, { title: 'Rebalancing', tags: ['b', 'c'], importance: 0.9 })
    expect(changed).toMatchObject({ title: 'Rebalancing', tags: ['b', 'c'], importance: 0.9, category: null })
    const { items } = await world.knowledge.history(id)
    expect(items[1]).toMatchObject({ kind: 'changed', id, before: { title: 'Shards', tags: ['a'], importance: 0.5 } })
    expect(await idsOf(world.knowledge, { query: 'rebalancing', mode: 'text' })).toContain(id)
    await world.settled()
    expect((await world.knowledge.get(id)).embedding).toBe('ready')
  })

  it('cannot be moved onto a twin', async () => {
    const content = 'One of two.'
    const [first = 0] = await world.addAll({ content, project: 'here' }, { content, project: 'there' })
    expect(await refusal(world.knowledge.patch(first, { project: 'there' }))).toMatchObject({ code: 'conflict' })
    expect((await world.knowledge.get(first)).project).toBe('here')
  })

  it('are erased with all that belongs to them', async () => {
    const [id = 0] = await world.addAll({ content: 'A password that should not be here.', project: 'erased' })
    await world.knowledge.patch(id, { category: 'secret' })
    expect(await world.knowledge.erase(id)).toEqual({ id, erased: true })
    const rows = await world.db.query(sql`
      select (select count(*) from knowledge_chunks where item_id = ${id}) as chunks,
        (select count(*) from knowledge_vectors where item_id = ${id}) as vectors,
        (select count(*) from knowledge_revisions where item_id = ${id}) as revisions`)
    expect(rows).toEqual([{ chunks: 0, vectors: 0, revisions: 0 }])
    const gone = await Promise.all([
      refusal(world.knowledge.get(id)),
      refusal(world.knowledge.history(id)),
      refusal(world.knowledge.patch(id, { tags: [] })),
      refusal(world.knowledge.erase(id)),
    ])
    expect(gone).toMatchObject(Array(4).fill({ code: 'not_found' }))
  })

  it('are listed newest first, page by page, while others come and go', async () => {
    const project = 'pages'
    const ids = await world.addAll(...Array.from({ length: 7 }, (_, at) => ({ content: `Page item ${at}`, project })))
    const first = await world.knowledge.list({ project, limit: 3 })
    expect(first.items.map((item) => item.id)).toEqual(ids.slice(4).reverse())
    await world.knowledge.erase(ids[4] ?? 0)
    await world.addAll({ content: 'Page item 7', project })
    const second = await world.knowledge.list({ project, limit: 3, cursor: first.nextCursor ?? '' })
    expect(second.items.map((item) => item.id)).toEqual(ids.slice(1, 4).reverse())
    const third = await world.knowledge.list({ project, limit: 3, cursor: second.nextCursor ?? '' })
    expect(third).toMatchObject({ items: [{ id: ids[0] }], nextCursor: null })
    expect(await refusal(world.knowledge.list({ cursor: 'bm9uc2Vuc2U' }))).toMatchObject({
      code: 'invalid_input',
      errors: [{ pointer: '/cursor' }],
    })
  })
})
