import { expireVanishedDocuments, ingestDocuments, listDocumentationSources, listDocuments } from './documents.ts'
import { createApiKey, listApiKeys, revokeApiKey } from './keys.ts'
import { getKnowledge, getKnowledgeHistory, getStats, listKnowledge, queryKnowledge } from './knowledge-read.ts'
import { addKnowledge, addKnowledgeBatch, eraseKnowledge, patchKnowledge } from './knowledge-write.ts'
import { getEmbeddings, getHealth, useEmbeddings } from './service.ts'
import {
  cancelTask,
  createTask,
  createTasks,
  getTask,
  listTaskAttempts,
  listTasks,
  reportTask,
  retryTask,
} from './tasks.ts'

export type { Health, Turbo } from './facade.ts'
export { type HttpRoute, inputFields, type Operation, parseInput } from './operation.ts'

/** Every verb of the product. */
export const operations = [
  addKnowledge,
  addKnowledgeBatch,
  queryKnowledge,
  listKnowledge,
  getKnowledge,
  getKnowledgeHistory,
  patchKnowledge,
  eraseKnowledge,
  getStats,
  ingestDocuments,
  listDocuments,
  listDocumentationSources,
  expireVanishedDocuments,
  createTask,
  createTasks,
  listTasks,
  getTask,
  listTaskAttempts,
  reportTask,
  cancelTask,
  retryTask,
  getEmbeddings,
  useEmbeddings,
  createApiKey,
  listApiKeys,
  revokeApiKey,
  getHealth,
] as const

/** The verbs by name, with the literal types of their schemas and routes. */
export type Operations = { [Entry in (typeof operations)[number] as Entry['name']]: Entry }

export type OperationName = keyof Operations
