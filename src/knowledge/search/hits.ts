import type { KnowledgeSource, QueryHit, ResultExplanation } from '../types.ts'
import type { SearchRow } from './queries.ts'

interface SourceColumns {
  sourceSession: string | null
  sourceTask: string | null
  sourceAgent: string | null
  sourceUrl: string | null
  sourceCommit: string | null
  path: string | null
}

/** The source of an item without the fields that nothing is known of. */
export function toSource(row: SourceColumns): KnowledgeSource & { path?: string } {
  const source: KnowledgeSource & { path?: string } = {}
  if (row.sourceSession !== null) source.session = row.sourceSession
  if (row.sourceTask !== null) source.task = row.sourceTask
  if (row.sourceAgent !== null) source.agent = row.sourceAgent
  if (row.sourceUrl !== null) source.url = row.sourceUrl
  if (row.sourceCommit !== null) source.commit = row.sourceCommit
  if (row.path !== null) source.path = row.path
  return source
}

/** What a hit shows of its item. */
type Excerpt = Pick<QueryHit, 'content' | 'truncated' | 'passage'>

/** The whole content, and the best passage where that is only a part of it. */
export function wholeExcerpt({ startOffset, endOffset }: SearchRow, content: string): Excerpt {
  const whole = startOffset === 0 && endOffset === content.length
  const passage = startOffset === null || endOffset === null || whole ? null : content.slice(startOffset, endOffset)
  return { content, truncated: false, passage }
}

export function toHit(row: SearchRow, excerpt: Excerpt, denseWeight: number, explain: boolean): QueryHit {
  const hit: QueryHit = {
    id: row.id,
    ...excerpt,
    title: row.title,
    knowledgeType: row.knowledgeType,
    category: row.category,
    tags: row.tags,
    project: row.project,
    scope: row.scope,
    source: toSource(row),
    similarity: row.similarity === null ? null : round(row.similarity),
    score: round(row.score),
    createdAt: row.createdAt,
  }
  if (explain) hit.explain = explanation(row, denseWeight)
  return hit
}

function explanation(row: SearchRow, weight: number): ResultExplanation {
  const factor = 0.9 + 0.2 * row.importance
  const { lexicalRank, bm25, coverage, passageCoverage, lexicalScore } = row
  return {
    dense:
      row.denseRank === null || row.similarity === null
        ? null
        : {
            rank: row.denseRank,
            similarity: round(row.similarity),
            weight,
            contribution: round(row.score / factor - lexicalScore),
          },
    lexical:
      lexicalRank === null && passageCoverage === null
        ? null
        : {
            rank: lexicalRank,
            bm25: round(bm25 ?? 0),
            coverage: round(coverage ?? 0),
            passageCoverage: passageCoverage === null ? null : round(passageCoverage),
            weight: 1,
            contribution: round(lexicalScore),
          },
    importanceFactor: round(factor),
  }
}

/** A copy: a caller that changes its hit must not change the next caller's. */
export function copyOf(hit: QueryHit): QueryHit {
  return { ...hit, tags: [...hit.tags], source: { ...hit.source } }
}

/** Six decimals: more is noise of half precision. */
function round(value: number): number {
  return Math.round(value * 1e6) / 1e6
}
