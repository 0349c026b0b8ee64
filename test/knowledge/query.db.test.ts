import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AddInput, QueryInput } from '../../src/knowledge/index.ts'
import { countTokens } from '../../src/knowledge/text/tokens.ts'
import { idsOf, refusal, type TestKnowledge, testKnowledge } from '../harness/knowledge.ts'

let world: TestKnowledge

beforeAll(async () => {
  world = await testKnowledge()
})

afterAll(() => world.drop())

const query = (input: QueryInput) => world.knowledge.query(input)
const ids = (input: QueryInput) => idsOf(world.knowledge, input)

describe('an empty store', () => {
  it.each(['hybrid', 'vector', 'text'] as const)('answers with nothing, mode %s', async (mode) => {
    expect(await query({ query: 'anything at all', mode, explain: true })).toMatchObject({
      results: [],
      totalCandidates: 0,
      cached: false,
    })
  })
})

describe('modes', () => {
  const project = 'modes'
  let database = 0
  let language = 0

  beforeAll(async () => {
    const contents = ['PostgreSQL is a powerful database', 'Python is a programming language', 'Bread needs yeast']
    ;[database = 0, language = 0] = await world.addAll(...contents.map((content) => ({ content, project })))
  })

  it('hybrid fuses words and meaning', async () => {
    const { results, totalCandidates } = await query({ query: 'powerful database', project })
    expect(results[0]).toMatchObject({ id: database, similarity: expect.any(Number), passage: null, truncated: false })
    expect(results[0]?.similarity).toBeGreaterThan(0.5)
    expect(totalCandidates).toBe(3)
  })

  it('vector compares meaning alone', async () => {
    const { results } = await query({ query: 'is a programming', project, mode: 'vector', limit: 2, explain: true })
    expect(results.map((hit) => hit.id)).toEqual([language, database])
    expect(results[0]?.explain?.lexical).toBeNull()
  })

  it('text compares words alone, knows their stems and asks no embedder', async () => {
    const calls = world.embedder.calls.length
    const { results } = await query({ query: 'a language for programmers and databases', project, mode: 'text' })
    expect(results.map((hit) => hit.id).sort()).toEqual([database, language].sort())
    expect(results.map((hit) => hit.similarity)).toEqual([null, null])
    expect(world.embedder.calls.length).toBe(calls)
  })
})

describe('identifiers', () => {
  const project = 'identifiers'
  const texts: [string, string][] = [
    ['max_connections', 'Raise max_connections when the pool is exhausted.'],
    ['getUserById', 'The helper getUserById throws for deleted accounts.'],
    ['src/db/pool.ts', 'Look into src/db/pool.ts for the reconnect logic.'],
    ['#123', 'Fixed by #123 last week.'],
    ['deadbeef12', 'Bisect ended at deadbeef12 on main.'],
    ['ERR_MODULE_NOT_FOUND', 'Node prints ERR_MODULE_NOT_FOUND without the extension.'],
    ['E11000', 'Mongo answers E11000 for the second writer.'],
    ['--max-tokens', 'The flag --max-tokens bounds the answer.'],
    ["it's", 'Nobody knows whose bike it is.'],
  ]
  const stored = new Map<string, number>()

  beforeAll(async () => {
    // These hold the parts of names and little else.
    for (const content of ['Max connections.', 'Issue 123.', 'E, 11000.', 'Max tokens.']) {
      await world.addAll({ content, project })
    }
    for (const [name, content] of texts) stored.set(name, (await world.knowledge.add({ content, project })).id)
  })

  it.each([
    'max_connections',
    'getUserById',
    'GETUSERBYID',
    'src/db/pool.ts',
    '#123',
    'deadbeef12',
    'ERR_MODULE_NOT_FOUND',
    'E11000',
    '--max-tokens',
  ])('%s is found by its exact name, first and by words', async (name) => {
    const known = texts.find(([own]) => own.toLowerCase() === name.toLowerCase())?.[0] ?? ''
    expect((await ids({ query: name, project, mode: 'text' }))[0]).toBe(stored.get(known))
  })

  it.each([
    ['pool.ts', 'src/db/pool.ts'],
    ['user by id', 'getUserById'],
    ['connections max', 'max_connections'],
  ])('parts of a name, «%s», find it', async (part, name) => {
    expect(await ids({ query: part, project, mode: 'text' })).toContain(stored.get(name))
  })
})

describe('filters', () => {
  const content = 'Caches are warmed before traffic is switched'
  const base: AddInput = { content: '', project: 'filters', scope: 'one', knowledgeType: 'fact', category: 'ops' }
  const items: Record<string, AddInput> = {
    plain: base,
    otherScope: { ...base, scope: 'two' },
    otherType: { ...base, knowledgeType: 'error' },
    otherCategory: { ...base, category: 'dev' },
    tagged: { ...base, tags: ['cache', 'traffic', 'a "b", {c}'] },
    halfTagged: { ...base, tags: ['cache'] },
    sourced: { ...base, source: { session: 's1', task: 't1', agent: 'a1', url: 'https://x.test/1', commit: 'c1' } },
    otherSource: { ...base, source: { session: 's2', task: 't2', agent: 'a2', url: 'https://x.test/2', commit: 'c2' } },
    elsewhere: { ...base, project: 'filters-2' },
  }
  const stored: Record<string, number> = {}
  const all = Object.keys(items)

  beforeAll(async () => {
    for (const [name, item] of Object.entries(items)) {
      stored[name] = (await world.knowledge.add({ ...item, content: `${content}, ${name}.` })).id
    }
  })

  const except = (...names: string[]) => all.filter((name) => !names.includes(name) && name !== 'elsewhere')
  const cases: [string, Partial<QueryInput>, string[]][] = [
    ['project', { project: 'filters-2' }, ['elsewhere']],
    ['scope', { project: 'filters', scope: 'one' }, except('otherScope')],
    ['type', { project: 'filters', knowledgeType: 'fact' }, except('otherType')],
    ['category', { project: 'filters', category: 'dev' }, ['otherCategory']],
    ['one tag', { project: 'filters', tags: ['cache'] }, ['tagged', 'halfTagged']],
    ['all of several tags', { project: 'filters', tags: ['traffic', 'cache'] }, ['tagged']],
    ['a tag that needs quoting', { project: 'filters', tags: ['a "b", {c}'] }, ['tagged']],
    ['no tags', { project: 'filters', tags: [] }, except()],
    ['session', { project: 'filters', source: { session: 's1' } }, ['sourced']],
    ['task', { project: 'filters', source: { task: 't2' } }, ['otherSource']],
    ['agent', { project: 'filters', source: { agent: 'a1' } }, ['sourced']],
    ['url', { project: 'filters', source: { url: 'https://x.test/2' } }, ['otherSource']],
    ['commit', { project: 'filters', source: { commit: 'c1' } }, ['sourced']],
    ['source fields that contradict', { project: 'filters', source: { session: 's1', task: 't2' } }, []],
    ['a project that does not exist', { project: 'nowhere' }, []],
    ['a time to come', { project: 'filters', since: '2999-01-01T00:00:00Z' }, []],
    ['a time gone by', { project: 'filters', since: '2001-01-01T00:00:00Z' }, except()],
    ['the store before it was filled', { project: 'filters', asOf: '2001-01-01T00:00:00Z' }, []],
  ]
  it.each(cases)('by %s', async (_, filter, expected) => {
    const wanted = expected.map((name) => stored[name] ?? 0).sort((a, b) => a - b)
    for (const mode of ['hybrid', 'vector', 'text'] as const) {
      const found = await ids({ query: content, limit: 50, mode, ...filter })
      expect(found.sort((a, b) => a - b)).toEqual(wanted)
    }
    const { query: _query, ...listFilter } = { query: '', ...filter }
    const { items: listed } = await world.knowledge.list({ ...listFilter, limit: 50 })
    expect(listed.map((item) => item.id).reverse()).toEqual(wanted)
  })

  it('by the moment of an item itself', async () => {
    const { createdAt } = await world.knowledge.get(stored.tagged ?? 0)
    const found = await ids({ query: content, limit: 50, project: 'filters', since: createdAt })
    const wanted = ['tagged', 'halfTagged', 'sourced', 'otherSource'].map((name) => stored[name] ?? 0)
    expect(found.sort((a, b) => a - b)).toEqual(wanted)
  })
})

describe('order and limits', () => {
  it('breaks ties by id, the same each time', async () => {
    const project = 'ties'
    const contents = Array.from({ length: 12 }, (_, at) => `equal words here ${100 + at}`)
    const stored = await world.addAll(...contents.map((content) => ({ content, project })))
    for (const limit of [3, 7, 12]) {
      expect(await ids({ query: 'equal words', project, limit, mode: 'text' })).toEqual(stored.slice(0, limit))
    }
  })

  it('lets importance tip the balance between equals, and no more', async () => {
    const project = 'importance'
    const [dull = 0, vital = 0, better = 0] = await world.addAll(
      { content: 'rollback steps, part one', project, importance: 0 },
      { content: 'rollback steps, part two', project, importance: 1 },
      { content: 'rollback rollback plan for billing', project, importance: 0 },
    )
    expect(await ids({ query: 'rollback steps part', project, mode: 'text' })).toEqual([vital, dull, better])
    expect((await ids({ query: 'billing rollback plan', project, mode: 'text' }))[0]).toBe(better)
  })

  it('prefers words that stand in one passage to the same words all over an item', async () => {
    const project = 'passages'
    const words = ['walrus', 'timetable', 'quokka', 'departures']
    const filler = (at: number) => `Section ${at} speaks of matters ${'such as these and those '.repeat(60)}.`
    const scattered = words.map((word, at) => `${word} and ${word} again. ${filler(at)}`).join('\n\n')
    const together = [filler(0), `${words.join(' ')}. ${filler(1)}`, filler(2), filler(3)].join('\n\n')
    const [, gathered = 0] = await world.addAll({ content: scattered, project }, { content: together, project })
    const { results } = await query({ query: words.join(' '), project, mode: 'text', explain: true })
    expect(results[0]?.id).toBe(gathered)
    const [first, second] = results.map((hit) => hit.explain?.lexical)
    expect(first?.bm25).toBeLessThan(second?.bm25 ?? 0)
    expect(first?.passageCoverage).toBeGreaterThan(second?.passageCoverage ?? 1)
  })

  it('gives as many results as asked for, up to a hundred, in every mode', async () => {
    const project = 'hundred'
    const items = Array.from({ length: 120 }, (_, at) => ({ content: `common ground ${at}`, project }))
    await world.knowledge.addBatch({ items, atomic: false })
    for (const mode of ['hybrid', 'vector', 'text'] as const) {
      for (const limit of [1, 5, 60, 100]) {
        expect(new Set(await ids({ query: 'common ground', project, limit, mode })).size).toBe(limit)
      }
    }
  })

  it('gives as many results as there are, when the passages of one item are nearer than all others', async () => {
    const project = 'monopoly'
    const long = Array.from({ length: 150 }, (_, at) => `# Part ${at}\n\n${'granite quarry blasting '.repeat(60)}`)
    const [whole = 0] = await world.addAll({ content: long.join('\n\n'), project })
    const others = await world.addAll(
      ...['slate', 'marble', 'sandstone'].map((stone) => ({ content: `The ${stone} quarry is closed.`, project })),
    )
    await world.settled()
    // More than one arm takes in at first.
    expect((await world.knowledge.get(whole)).chunks).toBeGreaterThan(50)
    const found = await ids({ query: 'granite quarry blasting', project, mode: 'vector', limit: 4 })
    expect(found[0]).toBe(whole)
    expect(found.slice(1).sort((a, b) => a - b)).toEqual(others)
  })

  it('drops what is not similar enough, or has no similarity', async () => {
    const project = 'similar'
    const [near = 0, far = 0] = await world.addAll(
      { content: 'red green blue', project },
      { content: 'red wine from the cellar of my uncle in the south', project },
    )
    const asked = { query: 'red green blue', project, limit: 10 }
    expect(await ids(asked)).toEqual([near, far])
    expect(await ids({ ...asked, minSimilarity: 0.9 })).toEqual([near])
    const { results, explain } = await query({ ...asked, minSimilarity: 0.9, explain: true })
    expect(results.map((hit) => hit.id)).toEqual([near])
    expect(explain?.dropped).toEqual([{ id: far, reason: 'min_similarity' }])
    expect(await refusal(query({ ...asked, minSimilarity: 0.9, mode: 'text' }))).toMatchObject({
      code: 'invalid_input',
      errors: [{ pointer: '/min_similarity' }],
    })
  })
})

describe('max_tokens', () => {
  const project = 'tokens'
  const asked = { query: 'sourdough starter hydration', project, limit: 5 }
  const section = (title: string, text: string) => `# ${title}\n\n${text.repeat(40)}`
  const long = [
    section('Flour', 'Rye and wheat are milled twice a year. '),
    section('Starter', 'Sourdough starter hydration is one to one. '),
    section('Oven', 'Steam is let out after ten minutes. '),
  ].join('\n\n')
  let first = 0

  beforeAll(async () => {
    ;[first = 0] = await world.addAll(
      { content: long, project },
      {
        content: 'A sourdough starter wants to be fed daily, and a hydration of eighty per cent is for experts.',
        project,
      },
      { content: 'Starter cables are in the boot of the car, next to the spare wheel and the jack.', project },
    )
    await world.settled()
  })

  it.each([24, 40, 100, 300, 600, 5_000])('of %i are never exceeded', async (maxTokens) => {
    const { results, explain } = await query({ ...asked, maxTokens, explain: true })
    const texts = results.flatMap((hit) => [hit.content, hit.passage ?? ''])
    expect(texts.reduce((sum, text) => sum + countTokens(text), 0)).toBeLessThanOrEqual(maxTokens)
    expect(results.length + (explain?.dropped.length ?? 0)).toBe(3)
    expect(results.length).toBeGreaterThan(0)
    for (const hit of results) {
      const { content } = await world.knowledge.get(hit.id)
      expect(content).toContain(hit.content)
      expect(hit.truncated).toBe(hit.content !== content)
    }
  })

  it('put the best passage in place of the whole item', async () => {
    const whole = (await query(asked)).results.find((hit) => hit.id === first)
    expect(whole).toMatchObject({ content: long, truncated: false })
    expect(whole?.passage).toContain('hydration')
    const { results } = await query({ ...asked, maxTokens: countTokens(whole?.passage ?? '') + 100 })
    expect(results.find((hit) => hit.id === first)).toMatchObject({
      content: whole?.passage,
      passage: null,
      truncated: true,
    })
  })

  it('say what they left no room for', async () => {
    const { results, explain } = await query({ ...asked, maxTokens: 24, explain: true })
    const kept = results.map((hit) => hit.id)
    expect(explain?.dropped.map(({ reason }) => reason)).toEqual(Array(3 - kept.length).fill('max_tokens'))
    for (const { id } of explain?.dropped ?? []) expect(kept).not.toContain(id)
  })
})

describe('explain', () => {
  it('says how each result came about and adds up to its score', async () => {
    const project = 'explain'
    await world.addAll(
      { content: 'kestrel hovering over the motorway', project, importance: 1 },
      { content: 'kestrel eggs', project },
      { content: 'motorway toll', project },
      { content: 'nothing of the kind', project },
    )
    await world.settled()
    const asked = { query: 'the kestrel over a motorway', project, limit: 2 }
    const { results, explain, totalCandidates } = await query({ ...asked, explain: true })
    expect(results.map((hit) => hit.id)).toEqual(await ids(asked))
    expect(totalCandidates).toBe(4)
    for (const { score, similarity, explain: why } of results) {
      const sum = (why?.dense?.contribution ?? 0) + (why?.lexical?.contribution ?? 0)
      expect(sum * (why?.importanceFactor ?? 0)).toBeCloseTo(score, 4)
      expect(why?.dense?.similarity).toBe(similarity)
    }
    expect(results[0]?.explain).toMatchObject({ dense: { rank: 1 }, lexical: { rank: 1 }, importanceFactor: 1.1 })
    expect(explain?.plan).toEqual({ dense: 'exact', lexical: 'bm25', exactRerun: false })
    expect(explain?.lexemes.map(({ lexeme }) => lexeme).sort()).toEqual(['kestrel', 'motorway'])
    expect(explain?.lexemes).toMatchObject([
      { documents: 2, used: true },
      { documents: 2, used: true },
    ])
    expect(explain?.dropped.map(({ reason }) => reason)).toEqual(['limit', 'limit'])
    expect(explain?.timingsMs).toMatchObject({
      embed: expect.any(Number),
      plan: expect.any(Number),
      search: expect.any(Number),
    })
  })

  it('is not cached, and leaves no trace in plain answers', async () => {
    const asked = { query: 'explained or not', explain: true }
    await query(asked)
    expect((await query(asked)).cached).toBe(false)
    expect(await query({ query: 'explained or not' })).not.toHaveProperty('explain')
  })
})

describe('any text', () => {
  const project = 'any'
  let stored: number[] = []

  beforeAll(async () => {
    stored = await world.addAll({ content: "c:* | a & b don't!", project }, { content: 'plain words', project })
  })

  it.each([
    ['stop words', 'the of and to'],
    ['punctuation', '?!.,;:-()[]{}'],
    ['a space', ' '],
    ['tsquery operators', "a & b | !c:* <-> ' <2> (("],
    ['an open quote', "'"],
    ['a backslash', "\\ \\\\ \\'"],
    ['SQL', "'; drop table agent_knowledge; --"],
    ['LIKE patterns', '%_%'],
    ['a format string', '%s $1 $$ {x}'],
    ['emoji', '🚀👩‍👩‍👧‍👦'],
    ['control characters', '\u0001\u0007\u001b[31m'],
    ['an URL', 'https://example.com/a/b?c=d&e=f#g'],
    ['an email address', 'someone@example.com'],
    ['a number', '-1.5e10'],
    ['one very long word', 'x'.repeat(5_000)],
    ['very many words', Array.from({ length: 3_000 }, (_, at) => `w${at}`).join(' ')],
    ['one word very often', 'plain '.repeat(3_000)],
    ['weights and positions', 'plain:1A,2B words:C'],
  ])('is a question: %s', async (_, text) => {
    for (const mode of ['hybrid', 'text'] as const) {
      const { results } = await query({ query: text, project, mode, explain: true })
      for (const hit of results) expect(stored).toContain(hit.id)
    }
  })

  it('with operators in it still finds its words', async () => {
    expect(await ids({ query: "plain & !(nothing) | 'words':*", project, mode: 'text' })).toEqual([stored[1]])
  })
})
