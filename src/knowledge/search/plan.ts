import type { KnowledgeFilter } from '../types.ts'

/** A scope of at most this many items is searched exactly: every word chooses candidates, every vector is compared. */
export const EXACT_SCOPE_MAX = 2_000

export interface SearchPlan {
  /** Query text with the parts of identifiers appended; null leaves the lexical arm out. */
  text: string | null
  /** Identifiers of the query as they are indexed, lower case. */
  identifiers: string[]
  /** How many words can be scored, rounded up so that few statements exist. */
  slots: number
  /** Sum of document frequencies that candidates may reach. */
  candidatesMax: number
  /** Vector as a binary halfvec; null leaves the dense arm out. */
  vector: Buffer | null
  space: { id: number; dimensions: number } | null
  /** Compare every vector in scope instead of walking the index. */
  exact: boolean
  /** True when the scope was counted to hold at most {@link EXACT_SCOPE_MAX} items. */
  narrow: boolean
  /** Rows that each arm ranks before fusion. */
  depth: number
  /** What a point of similarity above the arm's floor is worth against a share of the query's idf. */
  denseWeight: number
  filter: KnowledgeFilter
  minSimilarity: number | null
  /** Whether rows below `minSimilarity` come too, without contents. */
  keepsDissimilar: boolean
  limit: number
  /** Rows that come with their contents, of those that are similar enough. */
  contentsMax: number
}
