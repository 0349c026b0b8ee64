import { invalid, isTurboError } from '../../base/errors.ts'
import type { Database } from '../../db/executor.ts'
import type { AnswerCache } from '../cache.ts'
import { isNarrowed } from '../scope-queries.ts'
import type { SpaceRow } from '../spaces/queries.ts'
import type { EmbeddingSpaces } from '../spaces/spaces.ts'
import { toHalfvec } from '../spaces/vectors.ts'
import { identifierTokens } from '../text/identifiers.ts'
import type { QueryExplanation, QueryHit, QueryInput, QueryMode, QueryResult } from '../types.ts'
import { fitToTokens } from './budget.ts'
import { copyOf, toHit, wholeExcerpt } from './hits.ts'
import { EXACT_SCOPE_MAX, type SearchPlan } from './plan.ts'
import {
  ARM_DEPTH,
  contentHead,
  countScope,
  countVectors,
  LEXICAL_CANDIDATES_MAX,
  RERUN_DEPTH,
  type SearchFacts,
  type SearchRow,
  search,
} from './queries.ts'
import { explainWords } from './words-queries.ts'

/** Results where the question does not say how many. */
const LIMIT_DEFAULT = 5
/** How long a query waits for its vector before it is answered by words alone. */
const EMBED_WAIT_MS = 5_000
/**
 * What a point of cosine above the arm's floor weighs against a share of the query's idf, for a model of full worth;
 * the two spread about alike then (docs/decisions/003-ranking.md).
 */
const DENSE_WEIGHT = 1.5
/** Number of words scored, of the steps up to which statements are prepared. */
const SLOTS = [2, 4, 6, 8, 12, 16, 24, 32] as const
/** An explanation looks at all that both arms found, to say what was dropped. */
const EXPLAIN_ROWS_MAX = 200
/** What is shown of an item too long for the answer when no passage of it was found. */
const HEAD_CHARS = 2_000

/** What an answer may be computed from and is counted in. */
export interface QueryContext {
  db: Database
  spaces: EmbeddingSpaces
  cache: AnswerCache<QueryResult>
  /** Called with the ids of the items an answer returned. */
  onAccess: (ids: number[]) => void
  counters: { exactReruns: number }
}

export async function query(context: QueryContext, input: QueryInput): Promise<QueryResult> {
  const startedAt = performance.now()
  if (input.mode === 'text' && input.minSimilarity !== undefined) {
    throw invalid('/min_similarity', 'mode text compares no vectors: leave out min_similarity, or use another mode')
  }
  const key = input.explain ? null : JSON.stringify(input)
  const known = key === null ? undefined : context.cache.get(key)
  if (known) {
    context.onAccess(known.results.map((hit) => hit.id))
    return { ...known, results: known.results.map(copyOf), cached: true, tookMs: since(startedAt) }
  }
  const { generation } = context.cache
  const computed = await answer(context, input, startedAt)
  const { result } = computed
  context.onAccess(result.results.map((hit) => hit.id))
  if (key !== null && !result.degraded) {
    const kept = { ...result, results: result.results.map(copyOf) }
    context.cache.set(key, kept, { generation, startedAt, bytes: sizeOf(result), msMax: computed.validMs })
  }
  return result
}

/**
 * Items that the rarest of some words find, in a project or anywhere, best first: one statement of bounded cost, which
 * unlike {@link query} does not look again where it may have found too little.
 */
export async function findByWords(
  context: QueryContext,
  words: string,
  project: string | undefined,
  limit: number,
): Promise<QueryHit[]> {
  const { whole, parts } = identifierTokens(words)
  const text = [words, ...parts].join(' ')
  const plan: SearchPlan = {
    text,
    identifiers: whole,
    slots: slotsFor(text, whole.length),
    candidatesMax: LEXICAL_CANDIDATES_MAX,
    vector: null,
    space: null,
    exact: false,
    narrow: false,
    depth: ARM_DEPTH,
    denseWeight: 0,
    filter: { project },
    minSimilarity: null,
    keepsDissimilar: false,
    limit,
    contentsMax: limit,
  }
  const { rows } = await search(context.db, plan)
  return toHits(context, rows, plan.denseWeight, false)
}

interface Answer {
  result: QueryResult
  /** How long it stays right if nothing is written: until its first item expires. */
  validMs: number
}

async function answer(context: QueryContext, input: QueryInput, startedAt: number): Promise<Answer> {
  const mode = input.mode ?? 'hybrid'
  const limit = input.limit ?? LIMIT_DEFAULT
  const timingsMs: Record<string, number> = {}
  const degraded: string[] = []
  const embedding = mode === 'text' ? null : await queryVector(context, input.query, mode, degraded)
  timingsMs.embed = since(startedAt)
  const plan = await planSearch(context, input, embedding, mode)
  timingsMs.plan = since(startedAt) - timingsMs.embed
  const { rows, facts, exactRerun } = await run(context, plan, input)
  timingsMs.search = since(startedAt) - timingsMs.embed - timingsMs.plan

  const dropped: QueryExplanation['dropped'] = []
  if (embedding !== null && facts.backlog) degraded.push('embedding_backlog')

  const similar = rows.filter((row) => {
    const kept = isSimilar(row, input)
    if (!kept) dropped.push({ id: row.id, reason: 'min_similarity' })
    return kept
  })
  for (const row of similar.slice(limit)) dropped.push({ id: row.id, reason: 'limit' })
  const hits = await toHits(context, similar.slice(0, limit), plan.denseWeight, input.explain ?? false)
  const fitted = input.maxTokens === undefined ? { hits, dropped: [] } : fitToTokens(hits, input.maxTokens)
  dropped.push(...fitted.dropped)

  const result: QueryResult = {
    query: input.query,
    results: fitted.hits,
    totalCandidates: facts.totalCandidates,
    cached: false,
    tookMs: 0,
  }
  if (degraded.length > 0) result.degraded = degraded
  if (input.explain) {
    const words = plan.text === null ? [] : await explainWords(context.db, plan)
    const dense = plan.vector === null ? 'none' : plan.exact || exactRerun ? 'exact' : 'index'
    result.explain = {
      plan: { dense, lexical: plan.text === null ? 'none' : 'bm25', exactRerun },
      lexemes: words,
      timingsMs,
      dropped,
    }
  }
  result.tookMs = since(startedAt)
  const expiries = rows.map((row) => row.expiresInSeconds ?? Number.POSITIVE_INFINITY)
  return { result, validMs: Math.min(...expiries) * 1000 }
}

/** Hits with their contents; of those that the answer has no room for the passage alone, fetched one at a time. */
async function toHits(
  { db }: QueryContext,
  rows: SearchRow[],
  denseWeight: number,
  explain: boolean,
): Promise<QueryHit[]> {
  const hits: QueryHit[] = []
  for (const row of rows) {
    const { content, startOffset, endOffset } = row
    if (content !== null) {
      hits.push(toHit(row, wholeExcerpt(row, content), denseWeight, explain))
      continue
    }
    // Offsets count UTF-16 units, of which there are no fewer than code points.
    const head = await contentHead(db, row.id, endOffset ?? HEAD_CHARS)
    if (head === undefined) continue
    const passage = head.slice(startOffset ?? 0, endOffset ?? undefined)
    hits.push(toHit(row, { content: passage, truncated: true, passage: null }, denseWeight, explain))
  }
  return hits
}

/** The query's vector; null, with the reason in `degraded`, when a hybrid query has to do without. */
async function queryVector(
  { spaces }: QueryContext,
  text: string,
  mode: QueryMode,
  degraded: string[],
): Promise<{ space: SpaceRow; vector: Buffer } | null> {
  try {
    const { space, vectors } = await spaces.embed([text], 'query', EMBED_WAIT_MS)
    return { space, vector: toHalfvec(vectors[0] as Float32Array) }
  } catch (error) {
    if (mode === 'vector' || !isTurboError(error, 'embedder_unavailable', 'space_mismatch', 'invalid_input'))
      throw error
    degraded.push(error.code === 'invalid_input' ? 'query_not_embedded' : error.code)
    return null
  }
}

async function planSearch(
  { db, spaces }: QueryContext,
  input: QueryInput,
  embedding: { space: SpaceRow; vector: Buffer } | null,
  mode: QueryMode,
): Promise<SearchPlan> {
  const { project, scope, knowledgeType, category, tags, source, since: from, asOf } = input
  const filter = { project, scope, knowledgeType, category, tags, source, since: from, asOf }
  const narrowed = isNarrowed(filter)
  const items = narrowed ? await countScope(db, filter) : null
  const exact = items !== null && items <= EXACT_SCOPE_MAX
  const { whole, parts } = identifierTokens(input.query)
  const text = parts.length > 0 ? `${input.query} ${parts.join(' ')}` : input.query
  const explain = input.explain ?? false
  return {
    text: mode === 'vector' ? null : text,
    identifiers: whole,
    slots: slotsFor(text, whole.length),
    // In a narrow scope most holders of a rare word are out of scope, so more words must choose candidates.
    candidatesMax: exact ? Number.MAX_SAFE_INTEGER : LEXICAL_CANDIDATES_MAX * (narrowed ? 5 : 1),
    vector: embedding?.vector ?? null,
    space: embedding?.space ?? null,
    exact,
    narrow: exact,
    depth: (input.limit ?? LIMIT_DEFAULT) > ARM_DEPTH ? 2 * ARM_DEPTH : ARM_DEPTH,
    denseWeight: DENSE_WEIGHT * spaces.embedder.traits.worth,
    filter,
    minSimilarity: input.minSimilarity ?? null,
    keepsDissimilar: explain,
    limit: explain ? EXPLAIN_ROWS_MAX : (input.limit ?? LIMIT_DEFAULT),
    contentsMax: input.limit ?? LIMIT_DEFAULT,
  }
}

interface SearchAnswer {
  rows: SearchRow[]
  facts: SearchFacts
}

/** Runs the plan; where too little came back and more may be there, runs it again, exactly and deeper, and counts that. */
async function run(
  { db, counters }: QueryContext,
  plan: SearchPlan,
  input: QueryInput,
): Promise<SearchAnswer & { exactRerun: boolean }> {
  const found = await search(db, plan)
  const results = found.rows.filter((row) => isSimilar(row, input)).length
  const enough = results >= (input.limit ?? LIMIT_DEFAULT)
  if (enough || !(await mayHaveMissed(db, plan, found, input)) || (await countScope(db, plan.filter)) <= results) {
    return { ...found, exactRerun: false }
  }
  counters.exactReruns += 1
  const exact = { ...plan, exact: true, depth: RERUN_DEPTH, candidatesMax: Number.MAX_SAFE_INTEGER }
  return { ...(await search(db, exact)), exactRerun: true }
}

/**
 * Whether an arm may have left out what it should have found: a query's rarest words may all be out of scope, passages
 * of few items may fill the dense arm, and the walk through the graph ends at its bound on visited tuples.
 */
async function mayHaveMissed(
  db: Database,
  plan: SearchPlan,
  { facts }: SearchAnswer,
  { minSimilarity }: QueryInput,
): Promise<boolean> {
  const { denseFound, leastSimilarity, lexicalComplete } = facts
  if (plan.text !== null && minSimilarity === undefined && !lexicalComplete) return true
  if (plan.vector === null) return false
  if (denseFound >= plan.depth) return minSimilarity === undefined || (leastSimilarity ?? -1) >= minSimilarity
  return !plan.exact && (await countVectors(db, plan)) > denseFound
}

/** A result below the wanted similarity, or without one, is dropped. */
function isSimilar({ similarity }: SearchRow, { minSimilarity }: QueryInput): boolean {
  return minSimilarity === undefined || (similarity !== null && similarity >= minSimilarity)
}

/**
 * An upper bound of the lexemes in a text, rounded up to a step: its words, and for what PostgreSQL indexes whole besides
 * its parts (hyphenated words, URLs) one more each.
 */
export function slotsFor(text: string, identifiers: number): number {
  const parts = text.match(/[\p{L}\p{N}]+/gu)?.length ?? 0
  const wholes = text.match(/[\p{L}\p{N}][-/]/gu)?.length ?? 0
  const words = parts + wholes + identifiers
  return SLOTS.find((step) => step >= words) ?? (SLOTS.at(-1) as number)
}

function sizeOf(result: QueryResult): number {
  return result.results.reduce((bytes, hit) => bytes + 2 * (hit.content.length + (hit.passage?.length ?? 0)) + 500, 200)
}

function since(startedAt: number): number {
  return Math.round((performance.now() - startedAt) * 1000) / 1000
}
