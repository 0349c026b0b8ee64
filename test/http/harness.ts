import { Writable } from 'node:stream'
import { takesBody } from '../../src/base/http-method.ts'
import { createLog } from '../../src/base/log.ts'
import { createHttpServer, type Http, type HttpConfig } from '../../src/http/index.ts'
import type { Operation } from '../../src/operations/index.ts'
import { type StandInTurbo, standInTurbo } from '../operations/stand-in.ts'
import { ARTIFACT_ID, SESSION_ID } from '../operations/stand-in-record.ts'
import { TASK_ID, WORKER_ID } from '../operations/stand-in-workers.ts'

export interface TestHttp extends Http {
  turbo: StandInTurbo
  /** Everything that was logged, as text. */
  logged(): string
  /** One request without a socket; `json` is sent as the body. */
  call(
    method: string,
    path: string,
    options?: {
      json?: unknown
      body?: string | Uint8Array<ArrayBuffer> | ReadableStream
      headers?: Record<string, string>
    },
  ): Promise<Reply>
}

export interface Reply {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  json: any
}

export const LOCAL_CONFIG: HttpConfig = { host: '127.0.0.1', port: 0, allowedHosts: [], rateLimitPerMinute: 0 }

export function testHttp(config: Partial<HttpConfig> = {}, stopTimeoutMs?: number, keepAliveMs?: number): TestHttp {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const turbo = standInTurbo()
  const http = createHttpServer({
    turbo,
    config: { ...LOCAL_CONFIG, ...config },
    log: createLog({ level: 'debug', stream }),
    stopTimeoutMs,
    keepAliveMs,
  })
  return {
    ...http,
    turbo,
    logged: () => lines.join(''),
    call: async (method, path, { json, body, headers } = {}) => {
      const type: Record<string, string> = json === undefined ? {} : { 'content-type': 'application/json' }
      const sent = json === undefined ? body : JSON.stringify(json)
      return replyOf(
        await http.app.request(path, { method, body: sent, duplex: 'half', headers: { ...type, ...headers } }),
      )
    },
  }
}

export async function replyOf(response: Response): Promise<Reply> {
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') ?? false
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== '' ? JSON.parse(text) : undefined,
  }
}

/** A good input for every operation, on the wire; `documents` and `items` hold one element each. */
export const GOOD_INPUTS: Record<string, Record<string, unknown>> = {
  addKnowledge: { content: 'the pool has ten connections', knowledge_type: 'fact', metadata: { aB_c: { dE: 1 } } },
  addKnowledgeBatch: { items: [{ content: 'one' }], atomic: false },
  queryKnowledge: { query: 'how many connections' },
  listKnowledge: {
    project: 'p',
    tags: ['a', 'b'],
    limit: 3,
    include_history: true,
    source: { url: 'http://x/?a=b&c' },
  },
  getKnowledge: { id: 1 },
  getKnowledgeHistory: { id: 1 },
  patchKnowledge: { id: 1, title: 'pool', tags: ['db'] },
  eraseKnowledge: { id: 1 },
  getStats: {},
  ingestDocuments: { documents: [{ path: 'a.md', content: '# A' }] },
  listDocuments: { project: 'p' },
  listDocumentationSources: { project: 'p' },
  expireVanishedDocuments: { source: 'documents', keep: ['a.md'] },
  createSession: { agent_platform: 'codex', agent_role: 'planner', project: 'p', metadata: { aB_c: { dE: 1 } } },
  listSessions: { status: 'active', agent_platform: 'codex', limit: 3 },
  getSession: { session_id: SESSION_ID },
  patchSession: { session_id: SESSION_ID, status: 'paused', tokens_used: 12 },
  getSessionHistory: { session_id: SESSION_ID, limit: 3 },
  appendConversation: {
    session_id: SESSION_ID,
    content: 'Let us use a pool.',
    participants: ['me'],
    extracted_items: { decisions: ['a pool'], action_items: ['size it'] },
  },
  listConversation: { session_id: SESSION_ID },
  addArtifact: { session_id: SESSION_ID, artifact_type: 'report', name: 'pool.md', content: '# Pool' },
  listArtifacts: { session_id: SESSION_ID },
  getArtifact: { artifact_id: ARTIFACT_ID },
  logAction: {
    session_id: SESSION_ID,
    action_type: 'command',
    input_data: { aB_c: 1 },
    execution_time_ms: 12.5,
    changed_files: ['src/pool.ts'],
  },
  listActions: { session_id: SESSION_ID, success: true },
  verifyAudit: { session_id: SESSION_ID },
  listAuditHeads: {},
  detachAudit: { before: '2026-01' },
  createTask: { task_type: 'analysis', task_description: 'look at it', task_priority: 7, dedupe_key: 'nightly' },
  createTasks: { tasks: [{ task_type: 'analysis', task_description: 'look at it' }] },
  listTasks: { status: ['pending', 'running'], project: 'p', ready: true, limit: 3 },
  getTask: { task_id: 'task_1' },
  listTaskAttempts: { task_id: 'task_1', limit: 3 },
  reportTask: { task_id: 'task_1', status: 'completed', progress_percentage: 100, current_step: 'done' },
  cancelTask: { task_id: 'task_1' },
  retryTask: { task_id: 'task_1' },
  getEmbeddings: {},
  useEmbeddings: { kind: 'ollama', model: 'nomic-embed-text', url: 'http://127.0.0.1:11434' },
  getLandingContext: { project: 'p', role: 'planner', goal: 'count the connections', max_tokens: 500, fresh: true },
  listNodes: {},
  getNode: { name: 'a' },
  putNode: { name: 'a', role: 'api', status: 'maintenance', facts: { ram_gb: 8 } },
  listServices: {},
  getService: { name: 'a' },
  putService: { name: 'a', type: 'database', port: 5432, status: 'degraded', detail: 'slow', metadata: { aB: 1 } },
  getTaskLog: { task_id: TASK_ID, limit: 3, cursor: '1.2' },
  listWorkers: {},
  drainWorker: { worker_id: WORKER_ID },
  createApiKey: { name: 'ci', scopes: ['read'] },
  listApiKeys: {},
  revokeApiKey: { id: 1 },
  getHealth: {},
}

/** The request that carries `input` to an operation, as a client would write it. */
export function requestOf(
  { http }: Operation,
  input: Record<string, unknown>,
): { method: string; path: string; json?: unknown } {
  const rest = { ...input }
  const path = http.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest[name]
    delete rest[name]
    return encode(textOf(value))
  })
  if (takesBody(http.method)) return { method: http.method, path, json: rest }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(rest)) {
    if (Array.isArray(value)) for (const element of value) query.append(name, textOf(element))
    else if (typeof value === 'object' && value !== null)
      for (const [field, inner] of Object.entries(value)) query.append(`${name}.${field}`, textOf(inner))
    else query.append(name, textOf(value))
  }
  const text = query.toString()
  return { method: http.method, path: text === '' ? path : `${path}?${text}` }
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Percent-encoding that also knows half a character: as the bytes that UTF-8 forbids. */
function encode(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\0\0')).replaceAll('%00%00', '%ED%A0%80')
}
