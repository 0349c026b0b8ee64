/** What the text is for: several models want a different prefix for a question than for a passage. */
export type EmbedKind = 'query' | 'document'

/**
 * Identity of a vector space. Vectors of two spaces never meet: the same model under another prefix scheme is
 * another space.
 */
export interface EmbeddingSpaceIdentity {
  /** Model name as the operator wrote it, else as its server calls it, e.g. `nomic-embed-text-v1.5`. */
  model: string
  /** Components of a vector, 1 to 4000 (the limit of a halfvec index). */
  dimensions: number
  /** `none`, or the name of the prefix scheme in the model table, e.g. `nomic`. */
  prefixScheme: string
}

/** What is known of a model beforehand; unknown models get no prefixes and learn their dimension. */
export interface EmbeddingModelTraits {
  /**
   * Longest text, in the chunker's tokens, that a vector can stand for: the chunker's limit. A model may cut what is
   * longer without saying so.
   */
  maxTokens: number
  /**
   * How far the dense arm may be trusted against words alone, 0 to 1; from measured retrieval quality
   * (see docs/decisions). 1 for a retrieval model, far less for the built-in one.
   */
  worth: number
}

export interface EmbedderHealth {
  reachable: boolean
  /** Public text saying why not and what to do, when not reachable. */
  detail?: string
}

/**
 * Turns texts into unit vectors. Implementations do no I/O in their constructors.
 *
 * @throws TurboError `embedder_unavailable` when the service cannot be reached, times out, is overloaded past its
 * retries, answers nonsense (wrong count, wrong dimension, NaN, zero vector) or was stopped; `space_mismatch` when it
 * says that it runs another model than this one was made for; `invalid_input` when a text is refused as such (a blank
 * one always is). An aborted call rejects with the signal's reason.
 */
export interface Embedder {
  readonly name: string
  /** Known once {@link space} has answered, when the model's name is the server's to tell. */
  readonly traits: EmbeddingModelTraits
  /** The space its vectors live in; asks the service once when the dimension is not known beforehand. */
  space(): Promise<EmbeddingSpaceIdentity>
  /**
   * One L2-normalised vector a text, in order; all or none. Queries go ahead of documents waiting in the same process.
   */
  embed(texts: readonly string[], kind: EmbedKind, signal?: AbortSignal): Promise<Float32Array[]>
  /** Never throws. Asks the service itself, not a cache. */
  health(): Promise<EmbedderHealth>
  /** Refuses further calls and ends what is under way. Idempotent. */
  stop(): Promise<void>
}
