import { sql } from 'drizzle-orm'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../../src/db/statement.ts'
import type { SearchPlan } from '../../src/knowledge/search/plan.ts'
import { ARM_DEPTH, LEXICAL_CANDIDATES_MAX, searchStatement } from '../../src/knowledge/search/queries.ts'
import { toHalfvec } from '../../src/knowledge/spaces/vectors.ts'
import { bagOfWords } from '../harness/embedder.ts'
import { idsOf, type TestKnowledge, testKnowledge } from '../harness/knowledge.ts'

/** A vector as pgvector's text, which is what a plain statement is given. */
function toVectorText(vector: Float32Array): string {
  return `[${vector.join(',')}]`
}

const DIMENSIONS = 64
const NEAR = 3_000
const FAR = 2_500

let world: TestKnowledge
let spaceId = 0
/** {@link agreement} while the store held 300 items. */
let smallAgreement = 0

/** `count` items in one statement, with vectors around `center`, in the graph or fresh. */
async function plant(
  project: string,
  count: number,
  center: Float32Array,
  spread: number,
  indexed: boolean,
): Promise<void> {
  await world.db.query(sql`
    with items as (
      insert into agent_knowledge (content, content_hash, project, embedding_state, lexemes)
      select text, encode(sha256(text::bytea), 'hex'), ${project}, 'ready', to_tsvector('english', text)
      from generate_series(1, ${count}::int) n, lateral (select ${project} || ' planted item ' || n as text) t
      returning id
    ), chunks as (
      insert into knowledge_chunks (item_id, ordinal, start_offset, end_offset)
      select id, 0, 0, 10 from items returning id, item_id
    )
    insert into knowledge_vectors (chunk_id, space_id, item_id, indexed, embedding)
    select id, ${spaceId}::int, item_id, ${indexed}, (
      select array_agg(component + ${spread}::float8 * (random() - 0.5) + item_id * 0 order by position)::real[]::vector::halfvec
      from unnest(${sql.param([...center])}::float8[]) with ordinality as c(component, position))
    from chunks`)
}

beforeAll(async () => {
  world = await testKnowledge()
  await world.addAll('the first item pins the space')
  const [space] = await world.db.query<{ id: number }>(sql`select id from embedding_spaces where status = 'active'`)
  spaceId = space?.id ?? 0
  await plant('small', 300, bagOfWords('granite bread'), 0.6, true)
  smallAgreement = await agreement()
  await plant('near', NEAR, bagOfWords('granite'), 0.3, true)
  await plant('far', FAR, bagOfWords('yeast bread'), 0.4, true)
  await world.settled()
}, 120_000)

afterAll(() => world.drop())

/** Ids by comparing every vector. */
async function nearest(project: string | null, query: string, limit: number): Promise<number[]> {
  return (await compareAll(project, query, limit)).map((row) => row.id)
}

function compareAll(
  project: string | null,
  query: string,
  limit: number,
): Promise<{ id: number; similarity: number }[]> {
  return world.db.query(sql`
    select v.item_id as id, 1 - (v.embedding <=> ${toVectorText(bagOfWords(query))}::halfvec) as similarity
    from knowledge_vectors v join agent_knowledge k on k.id = v.item_id
    where v.space_id = ${spaceId} and (${project}::text is null or k.project = ${project})
    order by (v.embedding <=> ${toVectorText(bagOfWords(query))}::halfvec) + 0, v.chunk_id limit ${limit}`)
}

/** Share of results through the graph that are as near as the ten nearest, but for a hundredth of similarity. */
async function agreement(): Promise<number> {
  let found = 0
  const queries = Array.from({ length: 20 }, (_, at) => `${['granite', 'bread', 'yeast', 'quarry'][at % 4]} ${at}`)
  for (const query of queries) {
    const asked = { query, mode: 'vector', limit: 10, explain: true } as const
    const { results, explain } = await world.knowledge.query(asked)
    expect(explain?.plan).toMatchObject({ dense: 'index', exactRerun: false })
    const tenth = (await compareAll(null, query, 10)).at(-1)?.similarity ?? 1
    found += results.filter((hit) => (hit.similarity ?? -1) >= tenth - 0.01).length
  }
  return found / (queries.length * 10)
}

describe('the graph', () => {
  it('finds what comparing every vector finds: all in a small store, most in a larger one of three dense clusters', async () => {
    expect(smallAgreement).toBe(1)
    expect(await agreement()).toBeGreaterThan(0.8)
  })

  it('is left out for a small scope, whose answer is exact', async () => {
    const asked = { query: 'granite bread', project: 'small', mode: 'vector', limit: 10 } as const
    expect(await idsOf(world.knowledge, asked)).toEqual(await nearest('small', 'granite bread', 10))
    const { explain } = await world.knowledge.query({ ...asked, explain: true })
    expect(explain?.plan.dense).toBe('exact')
  })

  it('is not waited for: a vector that is not in it yet is found at once', async () => {
    const { id } = await world.knowledge.add({ content: 'basalt columns by the sea' })
    const { results, explain } = await world.knowledge.query({
      query: 'basalt columns by the sea',
      mode: 'vector',
      limit: 1,
      explain: true,
    })
    expect(explain?.plan.dense).toBe('index')
    expect(results.map((hit) => hit.id)).toEqual([id])
    const rows = await world.db.query(sql`select indexed from knowledge_vectors where item_id = ${id}`)
    expect(rows).toEqual([{ indexed: false }])
  })

  it('starved by a filter is made up for by an exact search, which is counted', async () => {
    const [{ name } = { name: '' }] = await world.db.query<{ name: string }>(sql`select current_database() as name`)
    // The walk ends after this many vectors, all of them out of scope.
    await world.db.query(sql.raw(`alter database ${name} set hnsw.max_scan_tuples = 200`))
    const { knowledge, stop } = await world.peer()
    const asked = { query: 'granite', project: 'far', mode: 'vector', limit: 5 } as const
    const { results, explain } = await knowledge.query({ ...asked, explain: true })
    expect(explain?.plan).toMatchObject({ dense: 'exact', exactRerun: true })
    expect(results.map((hit) => hit.id)).toEqual(await nearest('far', 'granite', 5))
    expect(knowledge.counters().exactReruns).toBe(1)
    const least = results.at(-1)?.similarity ?? 1
    expect(await idsOf(knowledge, { ...asked, minSimilarity: least - 1e-4 })).toEqual(results.map((hit) => hit.id))
    expect(knowledge.counters().exactReruns).toBe(2)
    expect((await knowledge.stats()).queries).toEqual({ exactReruns: 2 })

    // Nothing was missed where nothing is similar enough, or where the walk found its fill.
    expect(await idsOf(knowledge, { query: 'granite', mode: 'vector', minSimilarity: 0.9999 })).toEqual([])
    expect(await idsOf(knowledge, { query: 'granite', mode: 'vector', limit: 20 })).toHaveLength(20)
    expect(knowledge.counters().exactReruns).toBe(2)
    await stop()
    await world.db.query(sql.raw(`alter database ${name} reset hnsw.max_scan_tuples`))
  })
})

describe('the words', () => {
  it('whose rarest are all out of scope are searched again, all of them', async () => {
    const { knowledge } = world
    const before = knowledge.counters().exactReruns
    await world.addAll(
      ...Array.from({ length: 3 }, (_, at) => ({ content: `zirconium sample ${at}`, project: 'elsewhere' })),
    )
    await world.settled()
    const { results, explain } = await knowledge.query({
      query: 'zirconium planted',
      project: 'far',
      mode: 'text',
      explain: true,
    })
    expect(explain?.lexemes).toMatchObject([
      { lexeme: 'zirconium', used: true },
      { lexeme: 'plant', used: false },
    ])
    expect(results).toHaveLength(5)
    expect(explain?.plan.exactRerun).toBe(true)
    expect(knowledge.counters().exactReruns).toBe(before + 1)
  })
})

/** The plan that a connection of the pool uses: generic, from a prepared statement. */
async function planOf(plan: SearchPlan): Promise<string> {
  const { text, params } = compile(searchStatement(plan))
  const literals = params.map((value) => {
    if (value === null) return 'null'
    if (Buffer.isBuffer(value)) return pg.escapeLiteral(toVectorText(bagOfWords('granite quarry')))
    if (Array.isArray(value)) return pg.escapeLiteral(`{${value.map((one) => JSON.stringify(one)).join(',')}}`)
    return pg.escapeLiteral(String(value))
  })
  return world.db.transaction(async (tx) => {
    await tx.query(sql.raw(`prepare searching as ${text}`))
    const rows = await tx.query<{ 'QUERY PLAN': string }>(
      sql.raw(`explain (costs off) execute searching (${literals.join(', ')})`),
    )
    await tx.query(sql.raw('deallocate searching'))
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  })
}

const plain: SearchPlan = {
  text: 'granite quarry',
  identifiers: [],
  slots: 2,
  candidatesMax: LEXICAL_CANDIDATES_MAX,
  vector: toHalfvec(bagOfWords('granite quarry')),
  get space() {
    return { id: spaceId, dimensions: DIMENSIONS }
  },
  exact: false,
  narrow: false,
  depth: ARM_DEPTH,
  denseWeight: 1.5,
  filter: {},
  minSimilarity: null,
  keepsDissimilar: false,
  limit: 5,
  contentsMax: 5,
}

describe('the plan of a search', () => {
  const wanted = () => [`Index Scan using knowledge_vectors_space_${spaceId}`, 'on agent_knowledge_lexemes']

  const expectIndexes = async () => {
    for (const plan of [plain, { ...plain, filter: { project: 'far' } }]) {
      const text = await planOf(plan)
      for (const scan of wanted()) expect(text).toContain(scan)
    }
  }

  it('uses the indexes with statistics that are up to date', async () => {
    await world.db.query(sql`analyze`)
    await expectIndexes()
  })

  it('uses them with statistics of an almost empty store', async () => {
    const tables = ['agent_knowledge', 'knowledge_vectors', 'knowledge_chunks', 'knowledge_lexicon']
    for (const table of tables) {
      await world.db.query(sql.raw(`alter table ${table} set (autovacuum_enabled = false)`))
    }
    await world.db.query(sql`delete from pg_statistic where starelid in (
      'agent_knowledge'::regclass, 'knowledge_vectors'::regclass, 'knowledge_lexicon'::regclass)`)
    await world.db.query(sql`update pg_class set reltuples = -1, relpages = 0 where oid in (
      'agent_knowledge'::regclass, 'knowledge_vectors'::regclass, 'knowledge_lexicon'::regclass)`)
    await expectIndexes()
    await world.db.query(sql`update pg_class set reltuples = 10, relpages = 1 where oid in (
      'agent_knowledge'::regclass, 'knowledge_vectors'::regclass, 'knowledge_lexicon'::regclass)`)
    await expectIndexes()
  })
})
