import type { Operations } from '../operations/index.ts'

/**
 * Method and path of every operation. A table of its own, so that a client pulls in no schema; its type is that of the
 * operations, and a route that differs from its operation does not compile.
 */
type Routes = { [Name in keyof Operations]: Pick<Operations[Name]['http'], 'method' | 'path'> }

export const routes: Routes = {
  addKnowledge: { method: 'POST', path: '/v1/knowledge' },
  addKnowledgeBatch: { method: 'POST', path: '/v1/knowledge/batch' },
  queryKnowledge: { method: 'POST', path: '/v1/knowledge/query' },
  listKnowledge: { method: 'GET', path: '/v1/knowledge' },
  getKnowledge: { method: 'GET', path: '/v1/knowledge/{id}' },
  getKnowledgeHistory: { method: 'GET', path: '/v1/knowledge/{id}/history' },
  patchKnowledge: { method: 'PATCH', path: '/v1/knowledge/{id}' },
  eraseKnowledge: { method: 'DELETE', path: '/v1/knowledge/{id}' },
  getStats: { method: 'GET', path: '/v1/stats' },
  ingestDocuments: { method: 'POST', path: '/v1/documents' },
  listDocuments: { method: 'GET', path: '/v1/documents' },
  listDocumentationSources: { method: 'GET', path: '/v1/documents/sources' },
  expireVanishedDocuments: { method: 'POST', path: '/v1/documents/expire' },
  createSession: { method: 'POST', path: '/v1/sessions' },
  listSessions: { method: 'GET', path: '/v1/sessions' },
  getSession: { method: 'GET', path: '/v1/sessions/{session_id}' },
  patchSession: { method: 'PATCH', path: '/v1/sessions/{session_id}' },
  getSessionHistory: { method: 'GET', path: '/v1/sessions/{session_id}/history' },
  appendConversation: { method: 'POST', path: '/v1/sessions/{session_id}/conversation' },
  listConversation: { method: 'GET', path: '/v1/sessions/{session_id}/conversation' },
  addArtifact: { method: 'POST', path: '/v1/artifacts' },
  listArtifacts: { method: 'GET', path: '/v1/artifacts' },
  getArtifact: { method: 'GET', path: '/v1/artifacts/{artifact_id}' },
  logAction: { method: 'POST', path: '/v1/actions' },
  listActions: { method: 'GET', path: '/v1/actions' },
  verifyAudit: { method: 'GET', path: '/v1/audit/verify' },
  listAuditHeads: { method: 'GET', path: '/v1/audit/heads' },
  detachAudit: { method: 'POST', path: '/v1/audit/detach' },
  createTask: { method: 'POST', path: '/v1/tasks' },
  createTasks: { method: 'POST', path: '/v1/tasks/batch' },
  listTasks: { method: 'GET', path: '/v1/tasks' },
  getTask: { method: 'GET', path: '/v1/tasks/{task_id}' },
  listTaskAttempts: { method: 'GET', path: '/v1/tasks/{task_id}/attempts' },
  reportTask: { method: 'PATCH', path: '/v1/tasks/{task_id}' },
  cancelTask: { method: 'POST', path: '/v1/tasks/{task_id}/cancel' },
  retryTask: { method: 'POST', path: '/v1/tasks/{task_id}/retry' },
  getEmbeddings: { method: 'GET', path: '/v1/embeddings' },
  useEmbeddings: { method: 'POST', path: '/v1/embeddings' },
  getLandingContext: { method: 'GET', path: '/v1/landing-context' },
  listNodes: { method: 'GET', path: '/v1/nodes' },
  getNode: { method: 'GET', path: '/v1/nodes/{name}' },
  putNode: { method: 'PUT', path: '/v1/nodes/{name}' },
  listServices: { method: 'GET', path: '/v1/services' },
  getService: { method: 'GET', path: '/v1/services/{name}' },
  putService: { method: 'PUT', path: '/v1/services/{name}' },
  getTaskLog: { method: 'GET', path: '/v1/tasks/{task_id}/log' },
  listWorkers: { method: 'GET', path: '/v1/workers' },
  drainWorker: { method: 'POST', path: '/v1/workers/{worker_id}/drain' },
  createApiKey: { method: 'POST', path: '/v1/keys' },
  listApiKeys: { method: 'GET', path: '/v1/keys' },
  revokeApiKey: { method: 'DELETE', path: '/v1/keys/{id}' },
  getHealth: { method: 'GET', path: '/health' },
}

/**
 * Operations that may be sent again when it is not known whether the first took effect: reads, changes that end in the
 * same state, and adds, which the server tells apart by content (a repeated one is answered as `duplicate`).
 */
const NOT_REPEATABLE: readonly (keyof Operations)[] = [
  'createApiKey',
  'createSession',
  'appendConversation',
  'addArtifact',
  'logAction',
  // A task is not told apart by its content: the same order twice is two tasks, unless it has a dedupe_key.
  'createTask',
  'createTasks',
  // The second would find it waiting and refuse.
  'retryTask',
]

export function isRepeatable(name: keyof Operations): boolean {
  return !NOT_REPEATABLE.includes(name)
}
