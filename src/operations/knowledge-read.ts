import { z } from 'zod'
import { id, LIMITS, text, words } from './fields.ts'
import { filterFields, historyEntry, knowledgeItem, knowledgeStats, queryResult } from './knowledge-schemas.ts'
import { defineOperation } from './operation.ts'

export const queryKnowledge = defineOperation({
  name: 'queryKnowledge',
  summary: 'Finds what was stored, by meaning and by words, best first.',
  scope: 'read',
  input: z.strictObject({
    query: words(LIMITS.queryCharsMax).describe('What you want to know, in your own words, or an exact identifier.'),
    limit: z.int().min(1).max(LIMITS.queryResultsMax).default(5),
    mode: z.enum(['hybrid', 'vector', 'text']).default('hybrid'),
    ...filterFields,
    min_similarity: z.number().min(-1).max(1).optional().describe('Drops results below this cosine.'),
    max_tokens: z.int().min(1).max(LIMITS.tokensMax).optional().describe('Token budget for all returned content.'),
    explain: z.boolean().optional().describe('Adds ranks, scores, timings, and why results were dropped.'),
  }),
  output: queryResult,
  http: { method: 'POST', path: '/v1/knowledge/query', status: 200 },
  run: (turbo, input) => turbo.knowledge.query(input),
})

export const getKnowledge = defineOperation({
  name: 'getKnowledge',
  summary: 'One item with its full content, also when it is superseded or expired.',
  scope: 'read',
  input: z.strictObject({ id: id() }),
  output: knowledgeItem,
  http: { method: 'GET', path: '/v1/knowledge/{id}', status: 200, etag: true },
  run: (turbo, { id }) => turbo.knowledge.get(id),
})

export const listKnowledge = defineOperation({
  name: 'listKnowledge',
  summary: 'Items newest first, filtered, page by page.',
  scope: 'read',
  input: z.strictObject({
    ...filterFields,
    limit: z.int().min(1).max(LIMITS.pageItemsMax).default(20),
    cursor: text(LIMITS.nameCharsMax).optional().describe('next_cursor of the page before.'),
    include_history: z.boolean().optional().describe('Also superseded and expired items.'),
  }),
  output: z.strictObject({ items: z.array(knowledgeItem), next_cursor: z.string().nullable() }),
  http: { method: 'GET', path: '/v1/knowledge', status: 200, etag: true },
  run: (turbo, input) => turbo.knowledge.list(input),
})

export const getKnowledgeHistory = defineOperation({
  name: 'getKnowledgeHistory',
  summary: 'What happened to an item and to those it replaced, oldest first; of a longer history the latest part.',
  scope: 'read',
  input: z.strictObject({ id: id(), limit: z.int().min(1).max(LIMITS.historyEntriesMax).default(200) }),
  output: z.strictObject({ items: z.array(historyEntry) }),
  http: { method: 'GET', path: '/v1/knowledge/{id}/history', status: 200 },
  run: (turbo, { id, limit }) => turbo.knowledge.history(id, limit),
})

export const getStats = defineOperation({
  name: 'getStats',
  summary: 'Measured sizes and counts of the store, its cache and its vectors.',
  scope: 'read',
  input: z.strictObject({}),
  output: knowledgeStats,
  http: { method: 'GET', path: '/v1/stats', status: 200, etag: true },
  run: (turbo) => turbo.knowledge.stats(),
})
