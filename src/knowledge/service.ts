import type {
  AddInput,
  AddResult,
  BatchResult,
  DocumentationSource,
  DocumentPage,
  HistoryEntry,
  IngestedDocument,
  IngestInput,
  KnowledgeItem,
  KnowledgeStats,
  ListDocumentsInput,
  ListInput,
  Page,
  PatchInput,
  QueryInput,
  QueryResult,
} from './types.ts'

/** A set of vectors of one model, and whether queries are answered from it. */
export interface EmbeddingSpaceStatus {
  id: number
  model: string
  dimensions: number
  prefixScheme: string
  /** The space that queries use; one at most. */
  active: boolean
  vectors: number
}

export interface EmbeddingsStatus {
  spaces: EmbeddingSpaceStatus[]
  /** Items stored but not yet embedded. */
  backlog: number
  /** The change of model under way, or the last one of this process. */
  reembedding: ReembedStatus | null
}

export interface ReembedStatus {
  model: string
  phase: 'embedding' | 'indexing' | 'switched' | 'failed'
  /** Chunks embedded, or vectors indexed, of `total`. */
  done: number
  total: number
  /** Why it failed. */
  error: string | null
}

/** Which embedder is to make the store's vectors from now on; see `EmbedderConfig`. */
export interface UseEmbeddingsInput {
  kind: 'builtin' | 'service' | 'openai' | 'ollama' | 'tei' | 'onnx'
  model?: string
  url?: string
}

export interface ExpireVanishedInput {
  source: string
  project?: string
  /** Paths that are still there; every other current document of the source expires. */
  keep: string[]
}

/**
 * The verbs of knowledge.
 *
 * @throws TurboError `invalid_input` (a value the store refuses), `not_found` (no such id), `conflict`, `unavailable`
 * and `timeout` (the database), `embedder_unavailable` (only where vectors were asked for by name: `mode: 'vector'`).
 */
export interface KnowledgeService {
  /** Stores one text; a text that is already current in the same project and scope is a `duplicate`. */
  add(input: AddInput): Promise<AddResult>
  /** Up to 1,000 items, results in order. `atomic`: all or none, throwing what the first bad item throws. */
  addBatch(input: { items: AddInput[]; atomic: boolean }): Promise<BatchResult>
  query(input: QueryInput): Promise<QueryResult>
  get(id: number): Promise<KnowledgeItem>
  /** Newest first. */
  list(input: ListInput): Promise<Page<KnowledgeItem>>
  patch(id: number, input: PatchInput): Promise<KnowledgeItem>
  /** Removes the item, its chunks, vectors and history for good. */
  erase(id: number): Promise<{ id: number; erased: true }>
  /** The latest `limit` entries, 200 unless told, oldest of them first. */
  history(id: number, limit?: number): Promise<{ items: HistoryEntry[] }>
  stats(): Promise<KnowledgeStats>
  ingest(input: IngestInput): Promise<{ documents: IngestedDocument[] }>
  /** Current documents, in the order in which they were first read. */
  listDocuments(input: ListDocumentsInput): Promise<DocumentPage>
  listSources(input: { project?: string }): Promise<{ sources: DocumentationSource[] }>
  expireVanished(input: ExpireVanishedInput): Promise<{ expired: number }>
  embeddings(): Promise<EmbeddingsStatus>
  /** Starts embedding everything with another model; queries are answered from the old vectors until the switch. */
  useEmbeddings(input: UseEmbeddingsInput): Promise<{ started: true; model: string }>
}
