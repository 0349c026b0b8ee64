import { type SQL, sql } from 'drizzle-orm'
import { must } from '../../base/assert.ts'
import type { Executor } from '../../db/executor.ts'
import { ANSWER_BYTES_MAX, inScope } from '../scope-queries.ts'
import type { KnowledgeFilter } from '../types.ts'
import { EXACT_SCOPE_MAX, type SearchPlan } from './plan.ts'
import { bm25, lexicalCtes, PASSAGE_FACTOR, ROWS_MAX, SATURATION } from './words-queries.ts'

/**
 * Candidates are the items that hold one of the query's rarest words, taken until their document frequencies sum to
 * this. Measured against full BM25 (docs/decisions/003-ranking.md): about 97% of the top ten at 20,000 items, 92% at
 * 100,000, and always the first, at a cost that does not grow with the store.
 */
export const LEXICAL_CANDIDATES_MAX = 600
/** How deep each arm ranks before fusion; deeper where more results are wanted. */
export const ARM_DEPTH = 50
/** How deep the second, exact search goes: one long item can hold this many of the nearest passages. */
export const RERUN_DEPTH = 1_000
/**
 * Of the score by words, the part that the best passage of a long item has: BM25 of a whole page is lowered by all that it
 * says besides. An item of n passages gives 1 - 1/n of it. Measured in docs/decisions/003-ranking.md.
 */
const PASSAGE_SHARE = 0.6
/** Items whose passages are ranked: the first by items and vectors; as many as are wanted, if more. */
const PASSAGE_ITEMS = 30
export interface SearchRow {
  id: number
  /** Null for a row that is not to be returned, and where the contents of an answer pass {@link ANSWER_BYTES_MAX}. */
  content: string | null
  title: string | null
  knowledgeType: string
  category: string | null
  tags: string[]
  project: string | null
  scope: string
  sourceSession: string | null
  sourceTask: string | null
  sourceAgent: string | null
  sourceUrl: string | null
  sourceCommit: string | null
  path: string | null
  createdAt: string
  importance: number
  startOffset: number | null
  endOffset: number | null
  similarity: number | null
  denseRank: number | null
  bm25: number | null
  lexicalRank: number | null
  /** Share of the query's total idf that this item's words carry, 0 to 1. */
  coverage: number | null
  /** The same of its best passage; null for an item of one passage, and below the items whose passages are ranked. */
  passageCoverage: number | null
  /** What the words add to the score, before importance. */
  lexicalScore: number
  score: number
  /** Seconds until the item expires, by the database's clock; null when it does not. */
  expiresInSeconds: number | null
}

/** What is known of a search besides its rows, also when there are none. */
export interface SearchFacts {
  totalCandidates: number
  /** Chunks that the dense arm found, and the least similarity among them. */
  denseFound: number
  leastSimilarity: number | null
  /** True when every word of the query chose candidates and all were ranked: the lexical arm missed nothing. */
  lexicalComplete: boolean
  /** True when items in scope still wait for their vectors. */
  backlog: boolean
}

/** Number of items in scope, counted no further than {@link EXACT_SCOPE_MAX} + 1. */
export async function countScope(db: Executor, filter: KnowledgeFilter): Promise<number> {
  const rows = await db.query<{ items: number }>(sql`
    select count(*) as items
    from (select 1 from agent_knowledge k where ${inScope(filter)} limit ${EXACT_SCOPE_MAX + 1}) s`)
  return rows[0]?.items ?? 0
}

/** Number of vectors in scope, counted no further than the depth of the plan's arms. */
export async function countVectors(db: Executor, { space, filter, depth }: SearchPlan): Promise<number> {
  const rows = await db.query<{ vectors: number }>(sql`
    select count(*) as vectors
    from (
      select 1 from knowledge_vectors v join agent_knowledge k on k.id = v.item_id
      where v.space_id = ${space?.id ?? null}::int and ${inScope(filter)} limit ${depth}
    ) s`)
  return rows[0]?.vectors ?? 0
}

function denseCtes(plan: SearchPlan): SQL {
  if (plan.vector === null || plan.space === null) {
    return sql`nearest as (select null::float8 as distance where false),
    dense as (select null::bigint as id, null::real as importance, null::bigint as chunk_id,
      null::float8 as similarity, null::bigint as rank, null::float8 as excess where false)`
  }
  const type = sql.raw(`halfvec(${plan.space.dimensions})`)
  const distance = sql`v.embedding::${type} <=> (select vector from target)`
  const space = sql.raw(String(plan.space.id))
  const depth = sql.raw(String(plan.depth))
  // As an array, whatever the planner thinks of the scope: it finds the vectors by their items.
  const listed = sql`
    (select v.item_id, v.chunk_id, k.importance, ${distance} as distance
     from knowledge_vectors v join agent_knowledge k on k.id = v.item_id
     where v.space_id = ${space}
       and v.item_id = any((select array_agg(k.id) from agent_knowledge k where ${inScope(plan.filter)})::bigint[])
     order by ${distance} limit ${depth})`
  const all = sql`
    (select v.item_id, v.chunk_id, k.importance, ${distance} as distance
     from knowledge_vectors v join agent_knowledge k on k.id = v.item_id
     where v.space_id = ${space} and ${inScope(plan.filter)}
     order by ${distance} limit ${depth})`
  // Each vector's item by itself and not as a join: without statistics, as after a bulk load, the planner takes almost
  // nothing for current, starts from the items and compares every vector.
  const part = (which: SQL) => sql`
    (select v.item_id, v.chunk_id, k.importance, ${distance} as distance
     from knowledge_vectors v,
       lateral (select k.importance from agent_knowledge k where k.id = v.item_id and ${inScope(plan.filter)} offset 0) k
     where v.space_id = ${space} and ${which}
     order by ${distance} limit ${depth})`
  const exact = plan.narrow ? listed : all
  const arms = plan.exact ? exact : sql`${part(sql`v.indexed`)} union all ${part(sql`not v.indexed`)}`
  return sql`
    target as materialized (select ${sql.param(plan.vector)}::${type} as vector),
    nearest as materialized (
      select item_id, chunk_id, importance, distance from (${arms}) arms
      order by distance, chunk_id limit ${depth}
    ),
    arm as (
      select case when count(*) = ${depth} then 1 - max(distance) else 0 end as floor, 1 - max(distance) as least
      from nearest
    ),
    dense as materialized (
      select item_id as id, min(importance) as importance, min(chunk_id) filter (where nth = 1) as chunk_id,
        1 - min(distance) as similarity, row_number() over (order by min(distance), item_id) as rank,
        1 - min(distance) - min(floor)
          + coalesce(sum((1 - distance - least) / 2 ^ (nth - 1)) filter (where ${plan.text !== null} and nth > 1), 0) as excess
      from (
        select *, row_number() over (partition by item_id order by distance, chunk_id) as nth from nearest
      ) ordered cross join arm
      group by item_id
    )`
}

/** How many passages each of the first items has, and BM25 of the best as a share of the query's idf. */
function passagesCte(plan: SearchPlan): SQL {
  if (plan.text === null)
    return sql`passages as (select null::bigint as id, null::float8 as coverage, 0 as passages where false)`
  return sql`
    passages as materialized (
      select id, max(bm25) / (select idf_total from query) as coverage, count(*) as passages
      from (
        select id, ${bm25(plan.slots)} as bm25
        from query,
          lateral (
            select id, lexemes, ${SATURATION}
            from (
              select f.id, c.lexemes, ${PASSAGE_FACTOR} as k
              from fused f,
                lateral (select lexemes from knowledge_chunks where item_id = f.id and lexemes is not null offset 0) c
              where f.place <= ${passageItems(plan)}
            ) sized
            offset 0
          ) cut
      ) ranked
      group by id
    )`
}

/** Not of the explanation, which looks at more rows and must tell of the same answer. */
function passageItems(plan: SearchPlan): SQL {
  return sql.raw(String(Math.max(PASSAGE_ITEMS, plan.contentsMax)))
}

/** Both arms, their fusion, the passages of the first items and the winning items in one statement, so one round trip. */
export function searchStatement(plan: SearchPlan): SQL {
  const { minSimilarity, keepsDissimilar } = plan
  const isSimilar = (row: SQL) =>
    minSimilarity === null ? sql`true` : sql`coalesce(${row}.similarity >= ${minSimilarity}::float8, false)`
  const similar = isSimilar(sql`t`)
  const threshold = minSimilarity === null || keepsDissimilar ? sql`` : sql`where d.similarity >= ${minSimilarity}`
  const share = sql.raw(String(PASSAGE_SHARE))
  return sql`
    with ${lexicalCtes(plan)}, ${denseCtes(plan)},
    fused as materialized (
      select *, row_number() over (order by ${isSimilar(sql`f`)} desc, words + meaning desc, id) as place
      from (
        select coalesce(d.id, l.id) as id, d.chunk_id, d.similarity, d.rank as dense_rank, l.bm25, l.coverage,
          l.rank as lexical_rank, coalesce(d.importance, l.importance) as importance, coalesce(l.coverage, 0) as words,
          coalesce(${plan.denseWeight}::float8 * d.excess, 0) as meaning
        from dense d full join lexical l on l.id = d.id ${threshold}
      ) f
    ),
    ${passagesCte(plan)},
    top as materialized (
      select *, (lexical_score + meaning) * (0.9 + 0.2 * importance) as score
      from (
        select f.*, p.coverage as passage_coverage,
          case
            when place > ${passageItems(plan)} then (1 - ${share}) * words
            when p.id is null then words
            else words + ${share} * (1 - 1.0::float8 / passages) * (p.coverage - words)
          end as lexical_score
        from fused f left join passages p on p.id = f.id
      ) f
      order by score desc, id limit ${plan.limit}
    )
    select k.id,
      case when ${similar} and row_number() over best <= ${plan.contentsMax}
        and sum(octet_length(k.content)) over best <= ${ANSWER_BYTES_MAX} then k.content end as content,
      k.title, k.knowledge_type, k.category, k.tags, k.project, k.scope, k.source_session,
      k.source_task, k.source_agent, k.source_url, k.source_commit, k.created_at, k.importance,
      (select path from documents where documents.id = k.document_id) as path, c.start_offset, c.end_offset,
      t.similarity, t.dense_rank, t.bm25, t.lexical_rank, t.coverage, t.passage_coverage, t.lexical_score, t.score,
      extract(epoch from k.expires_at - now())::float8 as expires_in_seconds, facts.*
    from (
      select (select count(*) from fused) as total_candidates, (select count(*) from nearest) as dense_found,
        (select 1 - max(distance) from nearest) as least_similarity,
        (select lexical_complete from query)
          and (select count(*) from scored) < ${ROWS_MAX} as lexical_complete,
        exists (select from agent_knowledge k where embedding_state = 'pending' and ${inScope(plan.filter)}) as backlog
    ) facts
    left join (top t join agent_knowledge k on k.id = t.id) on true
    left join lateral (select start_offset, end_offset from knowledge_chunks where id = t.chunk_id offset 0) c on true
    window best as (partition by ${similar} order by t.score desc, k.id)
    order by t.score desc, k.id`
}

export async function search(db: Executor, plan: SearchPlan): Promise<{ rows: SearchRow[]; facts: SearchFacts }> {
  const rows = await db.query<SearchFacts & (SearchRow | { id: null })>(searchStatement(plan))
  return { rows: rows.filter((row) => row.id !== null), facts: must(rows[0], 'the facts come without rows too') }
}

/** The first `chars` code points of an item's content; undefined when it is gone. */
export async function contentHead(db: Executor, id: number, chars: number): Promise<string | undefined> {
  const rows = await db.query<{ head: string }>(sql`
    select left(content, ${chars}) as head from agent_knowledge where id = ${id}`)
  return rows[0]?.head
}
