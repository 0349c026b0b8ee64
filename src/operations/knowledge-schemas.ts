import { z } from 'zod'
import { id, instant, LIMITS, metadata, name, source, tags, text, words } from './fields.ts'

/** Wire shapes of knowledge, shared by its operations. */

const importance = () => z.number().min(0).max(1)

export const addItem = z.strictObject({
  content: words(LIMITS.contentCharsMax).describe('The text to remember; stored as given.'),
  title: text(LIMITS.titleCharsMax).optional(),
  knowledge_type: name().optional().describe('Short word such as solution, pattern, error, fact. Default: note.'),
  category: name().optional(),
  tags: tags().optional(),
  project: name().optional(),
  scope: name().optional().describe('Namespace inside the project. Default: global.'),
  metadata: metadata().optional().describe('Your own JSON object, up to 100,000 characters and 32 levels.'),
  source: source().optional().describe('Where this was learned.'),
  importance: importance().optional().describe('0 to 1, default 0.5; moves the score by 10% at most.'),
  expires_at: instant().optional().describe('From then on the item is not found.'),
  supersedes: id().optional().describe('Id of the item this one replaces.'),
})

export const patchFields = {
  title: text(LIMITS.titleCharsMax).nullable().optional(),
  knowledge_type: name().optional(),
  category: name().nullable().optional(),
  tags: tags().optional(),
  project: name().nullable().optional(),
  scope: name().optional(),
  metadata: metadata().optional().describe('Replaces the whole object.'),
  importance: importance().optional(),
  expires_at: instant().nullable().optional().describe('A past time expires the item now; null lifts the expiry.'),
}

export const filterFields = {
  project: name().optional(),
  scope: name().optional(),
  knowledge_type: name().optional(),
  category: name().optional(),
  tags: tags().optional().describe('Items that carry all of these.'),
  source: source().optional(),
  since: instant().optional().describe('Created at or after.'),
  as_of: instant()
    .optional()
    .describe('Items as they were current then; fields patched since are as of today. Default: now.'),
}

const sourceOut = z.strictObject({
  session: z.string().optional(),
  task: z.string().optional(),
  agent: z.string().optional(),
  url: z.string().optional(),
  commit: z.string().optional(),
  path: z.string().optional().describe('Path of the document it was read from.'),
})

const embedding = z.enum(['ready', 'pending']).describe('pending: found by words now, by meaning once embedded.')

export const addResult = z.strictObject({
  id: id(),
  status: z.enum(['created', 'duplicate']),
  content_hash: z.string(),
  chunks: z.int(),
  embedding,
})

export const batchFailure = z.strictObject({
  id: z.null(),
  status: z.literal('failed'),
  code: z.string(),
  detail: z.string(),
})

export const knowledgeItem = z.strictObject({
  id: id(),
  content: z.string(),
  content_hash: z.string(),
  title: z.string().nullable(),
  knowledge_type: z.string(),
  category: z.string().nullable(),
  tags: z.array(z.string()),
  project: z.string().nullable(),
  scope: z.string(),
  metadata: z.record(z.string(), z.unknown()),
  source: sourceOut,
  importance: z.number(),
  valid_from: z.string(),
  valid_to: z.string().nullable(),
  superseded_by: z.int().nullable(),
  expires_at: z.string().nullable(),
  access_count: z.int(),
  last_accessed: z.string().nullable(),
  created_at: z.string(),
  updated_at: z.string(),
  embedding,
  chunks: z.int(),
})

const arm = { weight: z.number(), contribution: z.number() }

const hitExplanation = z.strictObject({
  dense: z.strictObject({ rank: z.int(), similarity: z.number(), ...arm }).nullable(),
  lexical: z
    .strictObject({
      rank: z.int().nullable(),
      bm25: z.number(),
      coverage: z.number(),
      passage_coverage: z.number().nullable(),
      ...arm,
    })
    .nullable(),
  importance_factor: z.number(),
})

const queryHit = z.strictObject({
  id: id(),
  content: z.string(),
  truncated: z.boolean().describe('True when content is the best passage only, because of max_tokens.'),
  passage: z.string().nullable().describe('Best-matching chunk, when the item has more than one.'),
  title: z.string().nullable(),
  knowledge_type: z.string(),
  category: z.string().nullable(),
  tags: z.array(z.string()),
  project: z.string().nullable(),
  scope: z.string(),
  source: sourceOut,
  similarity: z.number().nullable().describe('Cosine of the best chunk; null where only words matched.'),
  score: z.number().describe('Fused rank score.'),
  created_at: z.string(),
  explain: hitExplanation.optional(),
})

const queryExplanation = z.strictObject({
  plan: z.strictObject({
    dense: z.enum(['exact', 'index', 'none']),
    lexical: z.enum(['bm25', 'none']),
    exact_rerun: z.boolean(),
  }),
  lexemes: z.array(z.strictObject({ lexeme: z.string(), documents: z.int(), idf: z.number(), used: z.boolean() })),
  timings_ms: z.record(z.string(), z.number()),
  dropped: z.array(z.strictObject({ id: id(), reason: z.enum(['min_similarity', 'max_tokens', 'limit']) })),
})

export const queryResult = z.strictObject({
  query: z.string(),
  results: z.array(queryHit),
  total_candidates: z.int(),
  degraded: z.array(z.string()).optional().describe('Why the answer is worse than it could be; absent when it is not.'),
  cached: z.boolean(),
  took_ms: z.number(),
  explain: queryExplanation.optional(),
})

export const historyEntry = z.strictObject({
  at: z.string(),
  kind: z.enum(['created', 'changed', 'superseded', 'expired']),
  id: id(),
  before: z.record(z.string(), z.unknown()).optional().describe('For changed: the fields as they were.'),
})

export const knowledgeStats = z.strictObject({
  items: z.int(),
  current: z.int(),
  chunks: z.int(),
  pending_items: z.int(),
  documents: z.int(),
  space: z
    .strictObject({ id: z.int(), model: z.string(), dimensions: z.int(), vectors: z.int(), unindexed: z.int() })
    .nullable(),
  database_bytes: z.int(),
  cache: z.strictObject({ entries: z.int(), bytes: z.int(), hits: z.int(), misses: z.int() }),
  queries: z.strictObject({ exact_reruns: z.int() }),
})
