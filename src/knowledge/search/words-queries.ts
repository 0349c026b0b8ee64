import { type SQL, sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import { inScope } from '../scope-queries.ts'
import type { SearchPlan } from './plan.ts'

/** BM25 parameters in the range its authors recommend (Robertson and Zaragoza, 2009). */
const K1 = 1.5
const B = 0.75

/** Bound on rows ranked whatever the statistics say: a query of one word that every item holds, or a stale lexicon. */
const LEXICAL_ROWS_MAX = 20_000

/** The lexemes of a query text with their statistics, rarest first, as the lexical arm sees them. */
function wordsCte(plan: SearchPlan): SQL {
  return sql`
    words as materialized (
      select lexeme, term, documents, idf,
        running <= ${plan.candidatesMax} or running = documents as used
      from (
        select lexeme, documents, idf,
          ('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery as term,
          sum(documents) over (order by documents, lexeme) as running
        from (
          select w.lexeme, coalesce(l.documents, 0) as documents,
            ln(1 + (greatest(c.items, l.documents, 1) - coalesce(l.documents, 0) + 0.5)
                 / (coalesce(l.documents, 0) + 0.5))::float8 as idf
          from (
            select unnest(tsvector_to_array(to_tsvector('english', ${plan.text})))
            union select unnest(${sql.param(plan.identifiers)}::text[])
          ) w(lexeme)
          left join knowledge_lexicon l using (lexeme)
          cross join knowledge_corpus c
          where w.lexeme <> ''
          order by documents, lexeme
          limit ${plan.slots}
        ) known
      ) counted
    ),
    query as materialized (
      select string_agg(term::text, ' | ') filter (where used)::tsquery as any_of, sum(idf) as idf_total,
        coalesce(bool_and(used), true) as lexical_complete,
        (select greatest(lexemes / greatest(items, 1)::float8, 1) from knowledge_corpus) as mean_length,
        ${slotColumns(plan.slots)}
      from words
    )`
}

/** One raw piece of text a word of the query: as templates in templates, each search would compile hundreds. */
function eachSlot(slots: number, separator: string, text: (slot: number) => string): SQL {
  return sql.raw(Array.from({ length: slots }, (_, index) => text(index + 1)).join(separator))
}

/** The words as columns `term_1`, `idf_1`, …: an array would be searched for its n-th element once a row. */
function slotColumns(slots: number): SQL {
  return eachSlot(
    slots,
    ', ',
    (slot) => `(array_agg(term order by documents, lexeme))[${slot}] as term_${slot},
        (array_agg(idf order by documents, lexeme))[${slot}] as idf_${slot}`,
  )
}

const C = Math.PI ** 2 / 6
/**
 * The words of a row, fetched and unpacked once: each `ts_rank` would do that again with those of a long item. There are
 * no weights, so this one changes nothing.
 */
const IN_MEMORY = sql.raw(`setweight(lexemes, 'D')`)
export const ROWS_MAX = sql.raw(String(LEXICAL_ROWS_MAX))
/** The k of {@link lexicalCtes} for an item, and what follows from it. */
const LENGTH_FACTOR = sql.raw(
  `${C} * (greatest(0.6, ${K1 * (1 - B)} + ${K1 * B} * length(lexemes) / mean_length) - 0.5)`,
)
/** Passages are cut to one size: none is lowered for its length. */
export const PASSAGE_FACTOR = sql.raw(`${C * (K1 - 0.5)}::float8`)
export const SATURATION = sql.raw(`1 + ${C / 2} / k as p, ${C / 2} / k as q, 1 + k as m, 10 * k as n`)

/** The sum over the words of the query for a row of `lexemes` and {@link SATURATION}: see {@link lexicalCtes}. */
export function bm25(slots: number): SQL {
  return eachSlot(
    slots,
    ' + ',
    (slot) => `coalesce(idf_${slot} * (p / (m - n * nullif(ts_rank(lexemes, term_${slot}), 0)) - q), 0)`,
  )
}

/**
 * BM25 from one `ts_rank` call a word, without unnesting the vector. With default weights the rank r of a single word
 * is 0.1 * (1 + 1/4 + … + 1/tf²) / (π²/6), a strictly rising function of its frequency tf. The tail of that series,
 * Σ(j > tf) 1/j² ≈ 1 / (tf + 1/2), inverts it (5% off at tf = 1, 1% above): with u = 1 - 10 r and C = π²/6,
 * tf = 1 / (C u) - 1/2. Put into tf / (tf + K) and solved so that r stands once, a word is worth
 * idf * (p / (m - n r) - q), where k = (K - 1/2) C, q = C / (2 k), p = 1 + q, m = 1 + k, n = 10 k depend on the
 * item's length alone. K is held above 1/2, which only items shorter than a fifth of the mean reach.
 */
export function lexicalCtes(plan: SearchPlan): SQL {
  if (plan.text === null) {
    return sql`query as (select true as lexical_complete),
    scored as (select where false),
    lexical as (select null::bigint as id, null::real as importance, null::float8 as bm25,
      null::float8 as coverage, null::bigint as rank where false)`
  }
  // By the words first, whatever the planner thinks of the scope; in a narrow scope the scope may well come first.
  const fence = plan.exact ? sql`` : sql`offset 0`
  return sql`${wordsCte(plan)},
    scored as materialized (
      select id, importance, ${bm25(plan.slots)} as bm25
      from query,
        lateral (
          select id, importance, lexemes, ${SATURATION}
          from (
            select k.id, k.importance, ${IN_MEMORY} as lexemes, ${LENGTH_FACTOR} as k
            from (select * from agent_knowledge where lexemes @@ any_of ${fence}) k
            where ${inScope(plan.filter)}
            limit ${ROWS_MAX}
          ) matching
          offset 0
        ) candidates
    ),
    lexical as materialized (
      select id, importance, bm25, bm25 / (select idf_total from query) as coverage,
        row_number() over (order by bm25 desc, id) as rank
      from (select * from scored order by bm25 desc, id limit ${sql.raw(String(plan.depth))}) best
    )`
}

export interface WordRow {
  lexeme: string
  documents: number
  idf: number
  used: boolean
}

/** The words of a query for `explain`. */
export function explainWords(db: Executor, plan: SearchPlan): Promise<WordRow[]> {
  return db.query<WordRow>(
    sql`with ${wordsCte(plan)} select lexeme, documents, idf, used from words order by documents, lexeme`,
  )
}
