import type { EmbedKind } from './port.ts'

/** What a model wants in front of a text. Another scheme makes another vector space. */
export interface PrefixScheme {
  /** Part of the identity of an embedding space, so a name is never reused for other prefixes. */
  readonly name: string
  readonly query: string
  readonly document: string
}

/** How token vectors become one text vector. Only in-process models need it; servers pool by themselves. */
export type Pooling = 'mean' | 'cls' | 'last_token'

/** What is known of a model before it is asked. */
export interface ModelTraits {
  readonly prefixes: PrefixScheme
  readonly pooling: Pooling
  /** Components of a vector; undefined when the first answer has to tell. */
  readonly dimensions: number | undefined
  /** The chunker's limit, in the chunker's own tokens; see {@link chunkTokens}. */
  readonly maxTokens: number
  /** Trust in the dense arm against words alone, 0 to 1. */
  readonly worth: number
}

/** Name of the model inside the package, as it appears in the space's identity. */
export const BUILTIN_MODEL = 'universal-sentence-encoder-lite'

const NO_PREFIXES: PrefixScheme = { name: 'none', query: '', document: '' }
const WEB_SEARCH_TASK = 'Given a web search query, retrieve relevant passages that answer the query'

/** The prefixes each model was trained with, from its model card. */
const PREFIXES = {
  bge: { name: 'bge', query: 'Represent this sentence for searching relevant passages: ', document: '' },
  e5: { name: 'e5', query: 'query: ', document: 'passage: ' },
  e5Instruct: { name: 'e5-instruct', query: `Instruct: ${WEB_SEARCH_TASK}\nQuery: `, document: '' },
  nomic: { name: 'nomic', query: 'search_query: ', document: 'search_document: ' },
  qwen3: { name: 'qwen3', query: `Instruct: ${WEB_SEARCH_TASK}\nQuery:`, document: '' },
  gemma: { name: 'embeddinggemma', query: 'task: search result | query: ', document: 'title: none | text: ' },
} satisfies Record<string, PrefixScheme>

/** Above this a single vector blurs the subjects of a text, whatever the model can read. */
const CHUNK_TOKENS_MAX = 512
/** The chunker counts with another vocabulary; word-piece vocabularies need up to a third more pieces for prose. */
const VOCABULARY_MARGIN = 0.75
/**
 * The built-in model reads 128 of its own pieces and ignores the rest. It needs 1.4 pieces for each token of the
 * chunker in prose and documentation (measured; 1.7 in source code).
 */
const BUILTIN_CHUNK_TOKENS = 90

function chunkTokens(contextTokens: number): number {
  return Math.min(CHUNK_TOKENS_MAX, Math.floor(contextTokens * VOCABULARY_MARGIN))
}

function model(
  pooling: Pooling,
  dimensions: number | undefined,
  contextTokens: number,
  prefixes: PrefixScheme = NO_PREFIXES,
): ModelTraits {
  return { prefixes, pooling, dimensions, maxTokens: chunkTokens(contextTokens), worth: 1 }
}

const UNKNOWN: ModelTraits = { ...model('mean', undefined, 8192), maxTokens: CHUNK_TOKENS_MAX }

/** First match wins. Patterns are anchored at both ends of a word of the plain name (see {@link plainName}). */
const MODELS: readonly (readonly [RegExp, ModelTraits])[] = [
  [
    /^universal-sentence-encoder-lite\b/,
    { prefixes: NO_PREFIXES, pooling: 'mean', dimensions: 512, maxTokens: BUILTIN_CHUNK_TOKENS, worth: 0.5 },
  ],
  [/^bge-small-en\b/, model('cls', 384, 512, PREFIXES.bge)],
  [/^bge-base-en\b/, model('cls', 768, 512, PREFIXES.bge)],
  [/^bge-large-en\b/, model('cls', 1024, 512, PREFIXES.bge)],
  [/^bge-m3\b/, model('cls', 1024, 8192)],
  [/^multilingual-e5-large-instruct\b/, model('mean', 1024, 512, PREFIXES.e5Instruct)],
  [/^(multilingual-)?e5-small\b/, model('mean', 384, 512, PREFIXES.e5)],
  [/^(multilingual-)?e5-base\b/, model('mean', 768, 512, PREFIXES.e5)],
  [/^(multilingual-)?e5-large\b/, model('mean', 1024, 512, PREFIXES.e5)],
  [/^nomic-embed-text\b/, model('mean', 768, 8192, PREFIXES.nomic)],
  [/^qwen3-embedding-0\.6b\b/, model('last_token', 1024, 32_768, PREFIXES.qwen3)],
  [/^qwen3-embedding-4b\b/, model('last_token', 2560, 32_768, PREFIXES.qwen3)],
  [/^qwen3-embedding\b/, model('last_token', undefined, 32_768, PREFIXES.qwen3)],
  [/^embeddinggemma\b/, model('mean', 768, 2048, PREFIXES.gemma)],
  [/^all-minilm\b/, model('mean', 384, 256)],
  [/^3-small$/, model('mean', 1536, 8192)],
  [/^3-large$/, model('mean', 3072, 8192)],
  [/^ada-002$/, model('mean', 1536, 8192)],
]

/**
 * A model's name without what servers add to it: `BAAI/bge-m3`, `text-embedding-nomic-embed-text-v1.5` and
 * `qwen3-embedding:0.6b` become `bge-m3`, `nomic-embed-text-v1.5` and `qwen3-embedding-0.6b`.
 */
function plainName(name: string): string {
  const base = name.trim().toLowerCase().split(/[\\/]/).at(-1) ?? ''
  return base
    .replace(/:latest$/, '')
    .replaceAll(':', '-')
    .replace(/^text-embedding-/, '')
}

/** The traits of `name`, whatever organisation, case or tag it is written with; those of an unknown model otherwise. */
export function modelTraits(name: string): ModelTraits {
  const plain = plainName(name)
  return MODELS.find(([pattern]) => pattern.test(plain))?.[1] ?? UNKNOWN
}

/** True when two names mean the same model, so that their vectors may meet. */
export function sameModel(a: string, b: string): boolean {
  return plainName(a) === plainName(b)
}

/** The text as the model wants to read it. */
export function withPrefix(prefixes: PrefixScheme, kind: EmbedKind, text: string): string {
  return prefixes[kind] + text
}
