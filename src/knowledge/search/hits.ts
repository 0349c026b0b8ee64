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

export function toHit(row: SearchRow, denseWeight: number, explain: boolean): QueryHit {
  const whole = row.startOffset === 0 && row.endOffset === row.content.length
  const passage =
    row.startOffset === null || row.endOffset === null || whole
      ? null
      : row.content.slice(row.startOffset, row.endOffset)
  const hit: QueryHit = {
    id: row.id,
    content: row.content,
    truncated: false,
    passage,
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
  const lexical =
    row.lexicalRank === null
      ? null
      : { rank: row.lexicalRank, bm25: round(row.bm25 ?? 0), coverage: round(row.coverage ?? 0), weight: 1 }
  const lexicalPart = row.coverage ?? 0
  return {
    dense:
      row.denseRank === null || row.similarity === null
        ? null
        : {
            rank: row.denseRank,
            similarity: round(row.similarity),
            weight,
            contribution: round(row.score / factor - lexicalPart),
          },
    lexical: lexical && { ...lexical, contribution: round(lexicalPart) },
    importanceFactor: round(factor),
  }
}

/** Six decimals: more is noise of half precision. */
function round(value: number): number {
  return Math.round(value * 1e6) / 1e6
}
