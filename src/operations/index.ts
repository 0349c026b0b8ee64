import { addArtifact, getArtifact, listArtifacts } from './artifacts.ts'
import { detachAudit, listActions, listAuditHeads, logAction, verifyAudit } from './audit.ts'
import { appendConversation, listConversation } from './conversation.ts'
import { expireVanishedDocuments, ingestDocuments, listDocumentationSources, listDocuments } from './documents.ts'
import { createApiKey, listApiKeys, revokeApiKey } from './keys.ts'
import { getKnowledge, getKnowledgeHistory, getStats, listKnowledge, queryKnowledge } from './knowledge-read.ts'
import { addKnowledge, addKnowledgeBatch, eraseKnowledge, patchKnowledge } from './knowledge-write.ts'
import { getLandingContext } from './landing.ts'
import { getNode, getService, listNodes, listServices, putNode, putService } from './nodes.ts'
import { getEmbeddings, getHealth, useEmbeddings } from './service.ts'
import { createSession, getSession, getSessionHistory, listSessions, patchSession } from './sessions.ts'
import { getTaskLog } from './task-log.ts'
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
import { drainWorker, listWorkers } from './workers.ts'

export type { Health, Turbo } from './facade.ts'
export { inputFields, type Operation, parseInput, type ServerEvent } from './operation.ts'

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
  createSession,
  listSessions,
  getSession,
  patchSession,
  getSessionHistory,
  appendConversation,
  listConversation,
  addArtifact,
  listArtifacts,
  getArtifact,
  logAction,
  listActions,
  verifyAudit,
  listAuditHeads,
  detachAudit,
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
  getLandingContext,
  listNodes,
  getNode,
  putNode,
  listServices,
  getService,
  putService,
  getTaskLog,
  listWorkers,
  drainWorker,
  createApiKey,
  listApiKeys,
  revokeApiKey,
  getHealth,
] as const

/** The verbs by name, with the literal types of their schemas and routes. */
export type Operations = { [Entry in (typeof operations)[number] as Entry['name']]: Entry }

export type OperationName = keyof Operations
