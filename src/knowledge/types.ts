/** Where an item came from; every field optional, each a filter of `query` and `list`. */
export interface KnowledgeSource {
  session?: string
  task?: string
  agent?: string
  url?: string
  commit?: string
}

export interface AddInput {
  /** 1 to 5,000,000 characters, stored as given; hashed after NFC and line-end normalisation. */
  content: string
  title?: string
  /** Short identifier: `solution`, `pattern`, `error`, `fact`, … Default `note`. */
  knowledgeType?: string
  category?: string
  tags?: string[]
  project?: string
  /** Namespace inside a project; default `global`. */
  scope?: string
  metadata?: Record<string, unknown>
  source?: KnowledgeSource
  /** 0 to 1, default 0.5; moves the score by 10% at most. */
  importance?: number
  /** ISO 8601; the item is not found from then on. */
  expiresAt?: string
  /** Id of the item this one replaces; that one stays in the history. */
  supersedes?: number
}

export type EmbeddingState = 'ready' | 'pending'

export interface AddResult {
  id: number
  status: 'created' | 'duplicate'
  contentHash: string
  chunks: number
  embedding: EmbeddingState
}

export interface BatchFailure {
  id: null
  status: 'failed'
  code: string
  detail: string
}

export interface BatchResult {
  results: (AddResult | BatchFailure)[]
  created: number
  duplicate: number
  failed: number
}

export interface KnowledgeFilter {
  project?: string
  scope?: string
  knowledgeType?: string
  category?: string
  /** Items that carry all of these. */
  tags?: string[]
  source?: KnowledgeSource
  /** ISO 8601: created at or after. */
  since?: string
  /** ISO 8601: as the store stood then; default now. */
  asOf?: string
}

export type QueryMode = 'hybrid' | 'vector' | 'text'

export interface QueryInput extends KnowledgeFilter {
  query: string
  /** 1 to 100, default 5. */
  limit?: number
  mode?: QueryMode
  /** Cosine, -1 to 1; results below it, or matched by words only, are dropped. */
  minSimilarity?: number
  /** Budget in tokens for all returned content; the best passage of an item replaces its content where that is needed to fit. */
  maxTokens?: number
  explain?: boolean
}

export interface ResultExplanation {
  dense: { rank: number; similarity: number; weight: number; contribution: number } | null
  lexical: {
    /** Null where only a passage was ranked, because of its vector. */
    rank: number | null
    bm25: number
    /** Share of the query's idf that the item's words carry, and that those of its best passage do. */
    coverage: number
    passageCoverage: number | null
    weight: number
    contribution: number
  } | null
  importanceFactor: number
}

export interface QueryHit {
  id: number
  content: string
  /** True when `content` is the best passage and not the whole item, because of `maxTokens`. */
  truncated: boolean
  /** Best-matching chunk, when the item has more than one. */
  passage: string | null
  title: string | null
  knowledgeType: string
  category: string | null
  tags: string[]
  project: string | null
  scope: string
  source: KnowledgeSource & { path?: string }
  /** Cosine of the best chunk; null where only words matched. */
  similarity: number | null
  /** Fused rank score. */
  score: number
  createdAt: string
  explain?: ResultExplanation
}

/** Who begins work, as far as it decides what they should know. */
export interface RecallInput {
  project?: string
  role?: string
  goal?: string
}

/** An item by its beginning, or by the passage that was found. */
export interface RecalledItem {
  id: number
  knowledgeType: string
  project: string | null
  title: string | null
  text: string
}

export interface DroppedHit {
  id: number
  reason: 'min_similarity' | 'max_tokens' | 'limit'
}

export interface QueryExplanation {
  plan: { dense: 'exact' | 'index' | 'none'; lexical: 'bm25' | 'none'; exactRerun: boolean }
  /** Lexemes of the query with document frequency and idf; `used` are those that chose candidates. */
  lexemes: { lexeme: string; documents: number; idf: number; used: boolean }[]
  timingsMs: Record<string, number>
  dropped: DroppedHit[]
}

export interface QueryResult {
  query: string
  results: QueryHit[]
  totalCandidates: number
  /** Why the answer is worse than it could be, e.g. `embedder_unavailable`, `embedding_backlog`; absent when it is not. */
  degraded?: string[]
  cached: boolean
  tookMs: number
  explain?: QueryExplanation
}

export interface KnowledgeItem {
  id: number
  content: string
  contentHash: string
  title: string | null
  knowledgeType: string
  category: string | null
  tags: string[]
  project: string | null
  scope: string
  metadata: Record<string, unknown>
  source: KnowledgeSource & { path?: string }
  importance: number
  validFrom: string
  validTo: string | null
  supersededBy: number | null
  expiresAt: string | null
  accessCount: number
  lastAccessed: string | null
  createdAt: string
  updatedAt: string
  embedding: EmbeddingState
  chunks: number
}

export interface PatchInput {
  title?: string | null
  knowledgeType?: string
  category?: string | null
  tags?: string[]
  project?: string | null
  scope?: string
  metadata?: Record<string, unknown>
  importance?: number
  /** A past time expires the item now; null lifts the expiry. */
  expiresAt?: string | null
}

export interface ListInput extends KnowledgeFilter {
  /** 1 to 200, default 20. */
  limit?: number
  cursor?: string
  /** Also superseded and expired items. */
  includeHistory?: boolean
}

export interface Page<T> {
  items: T[]
  nextCursor: string | null
}

export interface HistoryEntry {
  at: string
  kind: 'created' | 'changed' | 'superseded' | 'expired'
  id: number
  /** For `changed`: the fields as they were before. */
  before?: Record<string, unknown>
}

export interface KnowledgeStats {
  items: number
  current: number
  chunks: number
  pendingItems: number
  documents: number
  space: { id: number; model: string; dimensions: number; vectors: number; unindexed: number } | null
  databaseBytes: number
  cache: { entries: number; bytes: number; hits: number; misses: number }
  queries: { exactReruns: number }
}

/** One document as handed over: the bytes as they were read, decoded by the reader for its media type. */
export interface DocumentInput {
  /** Path or URL, unique within (project, source). */
  path: string
  content: string | Uint8Array
  /** Guessed from the path when absent. */
  mediaType?: string
}

export interface IngestInput {
  documents: DocumentInput[]
  project?: string
  /** Name of the collection that is ingested, e.g. a folder; default `documents`. */
  source?: string
  scope?: string
  tags?: string[]
}

export interface IngestedDocument {
  path: string
  status: 'created' | 'updated' | 'unchanged' | 'failed'
  id: number | null
  chunks: number
  detail?: string
}

export interface ListDocumentsInput {
  project?: string
  source?: string
  /** 1 to 200, default 50. */
  limit?: number
  cursor?: string
}

/** An ingested document that is current. */
export interface DocumentEntry {
  project: string | null
  source: string
  path: string
  title: string | null
  mediaType: string
  chunks: number
  /** The item that holds its text; null when that was erased or has expired. */
  itemId: number | null
  updatedAt: string
}

export interface DocumentPage {
  documents: DocumentEntry[]
  nextCursor: string | null
}

export interface DocumentationSource {
  project: string | null
  source: string
  documents: number
  chunks: number
  lastUpdated: string
}
