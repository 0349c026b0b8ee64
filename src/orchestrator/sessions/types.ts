import type { ArtifactSummary } from '../artifacts/types.ts'
import type { Action } from '../audit/types.ts'
import type { SESSION_STATUSES } from './states.ts'

export type SessionStatus = (typeof SESSION_STATUSES)[number]

export interface CreateSessionInput {
  /** A known platform (`claude_code`, …) or any short identifier. */
  agentPlatform: string
  agentRole: string
  /** Takes platform and role as they are, also where they are nearly a known name. */
  confirmNames?: boolean
  parentSessionId?: string
  project?: string
  goal?: string
  title?: string
  /** Budget of the landing context; default by role. */
  maxTokens?: number
  metadata?: Record<string, unknown>
}

/** A session as lists show it. Times are ISO 8601 UTC. */
export interface SessionSummary {
  sessionId: string
  agentPlatform: string
  agentRole: string
  parentSessionId: string | null
  project: string | null
  title: string | null
  goal: string | null
  status: SessionStatus
  createdAt: string
  lastActive: string
  endedAt: string | null
  tokensUsed: number
  costUsd: number
  metadata: Record<string, unknown>
  /** Version of the landing context that it began with. */
  landingContextVersion: string | null
}

export interface Session extends SessionSummary {
  landingContext: Record<string, unknown>
}

export interface SessionFilter {
  status?: SessionStatus
  agentPlatform?: string
  agentRole?: string
  project?: string
  parentSessionId?: string
  /** ISO 8601: created since, inclusive. */
  since?: string
}

export interface ListSessionsInput extends SessionFilter {
  /** Default 50. */
  limit?: number
  cursor?: string
}

export interface PatchSessionInput {
  status?: SessionStatus
  title?: string
  goal?: string
  project?: string
  /** Totals of the session so far, not increments. */
  tokensUsed?: number
  costUsd?: number
  metadata?: Record<string, unknown>
}

export interface HistoryTask {
  taskId: string
  taskType: string
  /** The first 500 characters. */
  taskDescription: string
  taskPriority: number
  status: string
  reviewStatus: string
  errorMessage: string | null
  createdAt: string
  completedAt: string | null
}

export type HistoryAction = Pick<
  Action,
  | 'actionId'
  | 'seq'
  | 'taskId'
  | 'actionType'
  | 'actionDescription'
  | 'success'
  | 'errorMessage'
  | 'executionTimeMs'
  | 'executedAt'
>

export interface HistoryChunk {
  chunkId: string
  format: string
  /** The first 2,000 characters. */
  content: string
  contentChars: number
  createdAt: string
}

/** An item of knowledge that the session wrote. */
export interface HistoryItem {
  id: number
  title: string | null
  knowledgeType: string
  /** The first 500 characters. */
  content: string
  createdAt: string
}

/** What happened in a session, each list newest first and at most `limit` long. */
export interface SessionHistory {
  session: SessionSummary
  tasks: HistoryTask[]
  actions: HistoryAction[]
  conversation: HistoryChunk[]
  knowledge: HistoryItem[]
  artifacts: ArtifactSummary[]
  /** Goes on in every list that has more; null when none has. */
  nextCursor: string | null
}

/** What an agent must know when it starts, and the version that names this state of it. */
export interface SessionLanding {
  context: Record<string, unknown>
  version: string
  /** Tokens that it takes. */
  tokens: number
}

/** Where landing contexts come from. */
export type Land = (request: {
  project?: string
  role?: string
  goal?: string
  maxTokens?: number
}) => Promise<SessionLanding>

/** Where the items come from that a session wrote, newest first. */
export type WrittenKnowledge = (
  sessionId: string,
  page: { limit: number; cursor?: string },
) => Promise<{ items: HistoryItem[]; nextCursor: string | null }>

/**
 * Sessions: one run of an agent, or of a person at work.
 *
 * @throws TurboError `unavailable` or `timeout` from the database in every method, beside what is noted.
 */
export interface SessionService {
  /**
   * @param request identifies the request, so that repeating it makes no second session
   * @throws TurboError `invalid_input` (no such parent, a name that is nearly a known one)
   */
  create(input: CreateSessionInput, request?: string): Promise<Session>
  /** @throws TurboError `not_found` */
  get(sessionId: string): Promise<Session>
  /** Newest first. */
  list(input: ListSessionsInput): Promise<{ sessions: SessionSummary[]; nextCursor: string | null }>
  /** @throws TurboError `not_found`, `conflict` (a status that cannot follow the present one) */
  patch(sessionId: string, input: PatchSessionInput): Promise<SessionSummary>
  /** @throws TurboError `not_found` */
  history(sessionId: string, page: { limit?: number; cursor?: string }): Promise<SessionHistory>
}
