import { TurboError } from '../../src/base/errors.ts'
import type {
  Action,
  Artifact,
  ArtifactService,
  AuditService,
  ConversationChunk,
  ConversationService,
  Session,
  SessionService,
} from '../../src/orchestrator/index.ts'

const NOW = '2026-11-20T13:55:56.123456Z'
const HASH = '0'.repeat(64)

/** The session and the artifact that exist. */
export const SESSION_ID = 'codex_planner_00000001'
export const ARTIFACT_ID = 'artifact_000000000001'

const session: Session = {
  sessionId: SESSION_ID,
  agentPlatform: 'codex',
  agentRole: 'planner',
  parentSessionId: null,
  project: 'p',
  title: null,
  goal: 'a pool',
  status: 'active',
  createdAt: NOW,
  lastActive: NOW,
  endedAt: null,
  tokensUsed: 0,
  costUsd: 0.25,
  metadata: { aB_c: 1 },
  landingContextVersion: '1',
  landingContext: { recent_tasks: [], aB: 1 },
}

const action: Action = {
  actionId: 'action_000000000001',
  sessionId: SESSION_ID,
  taskId: null,
  actionType: 'command',
  actionDescription: 'ran the tests',
  inputData: { aB_c: 1 },
  outputData: null,
  success: true,
  errorMessage: null,
  executionTimeMs: 12.5,
  changedFiles: ['src/pool.ts'],
  commandsExecuted: null,
  apiEndpointsCalled: null,
  executedAt: NOW,
  metadata: {},
  chainId: SESSION_ID,
  seq: 2,
  previousHash: HASH,
  hash: HASH,
}

const artifact: Artifact = {
  artifactId: ARTIFACT_ID,
  sessionId: SESSION_ID,
  taskId: null,
  artifactType: 'report',
  name: 'pool.md',
  format: 'markdown',
  contentHash: HASH,
  contentBytes: 6,
  metadata: {},
  createdAt: NOW,
  content: '# Pool',
}

const chunk: ConversationChunk = {
  chunkId: '001_135556',
  content: 'Let us use a pool.',
  format: 'dialogue',
  startTime: null,
  endTime: null,
  participants: ['me'],
  extractedItems: { ideas: [], decisions: ['a pool'], questions: [], actionItems: [] },
  metadata: {},
  createdAt: NOW,
}

/** Sessions and what is recorded of them, in memory. */
export function standInRecord(): {
  sessions: SessionService
  audit: AuditService
  artifacts: ArtifactService
  conversation: ConversationService
} {
  return {
    sessions: standInSessions(),
    audit: {
      log: async ({ sessionId }) => {
        known(sessionId)
        return { actionId: action.actionId, seq: action.seq, hash: action.hash }
      },
      list: async () => ({ actions: [action], nextCursor: null }),
      verify: async () => ({
        valid: false,
        checked: 1,
        detached: 0,
        firstBroken: {
          chainId: SESSION_ID,
          sessionId: SESSION_ID,
          seq: 2,
          actionId: null,
          reason: 'the row is missing',
        },
      }),
      heads: async () => ({ heads: [{ chainId: SESSION_ID, seq: 2, hash: HASH }], nextCursor: null }),
      detach: async () => ({ detached: ['agent_actions_2025_12'] }),
    },
    artifacts: {
      add: async () => withoutContent(artifact),
      get: async (artifactId) => {
        if (artifactId !== ARTIFACT_ID) throw new TurboError('not_found', `no artifact has the id ${artifactId}`)
        return artifact
      },
      list: async () => ({ artifacts: [withoutContent(artifact)], nextCursor: null }),
    },
    conversation: {
      append: async (sessionId, { chunkId = chunk.chunkId }) => {
        known(sessionId)
        return { status: 'created', sessionId, chunkId, createdAt: NOW }
      },
      list: async (sessionId) => {
        known(sessionId)
        return { chunks: [chunk], nextCursor: null }
      },
    },
  }
}

function standInSessions(): SessionService {
  const { landingContext: _context, ...summary } = session
  return {
    create: async ({ agentPlatform, agentRole }) => ({ ...session, agentPlatform, agentRole }),
    get: async (sessionId) => known(sessionId),
    list: async () => ({ sessions: [summary], nextCursor: null }),
    patch: async (sessionId, { status = 'active' }) => {
      known(sessionId)
      return { ...summary, status }
    },
    history: async (sessionId) => {
      known(sessionId)
      const { createdAt, content, contentHash: _hash, ...rest } = { ...artifact }
      const { actionId, seq, taskId, actionType, actionDescription, success, errorMessage } = action
      return {
        session: summary,
        tasks: [
          {
            taskId: 'task_000000000001',
            taskType: 'analysis',
            taskDescription: 'find the bound',
            taskPriority: 5,
            status: 'completed',
            reviewStatus: 'none',
            errorMessage: null,
            createdAt: NOW,
            completedAt: NOW,
          },
        ],
        actions: [
          {
            ...{ actionId, seq, taskId, actionType, actionDescription, success, errorMessage },
            executionTimeMs: action.executionTimeMs,
            executedAt: NOW,
          },
        ],
        conversation: [
          { chunkId: chunk.chunkId, format: 'dialogue', content: chunk.content, contentChars: 18, createdAt: NOW },
        ],
        knowledge: [{ id: 1, title: null, knowledgeType: 'fact', content, createdAt }],
        artifacts: [{ ...rest, createdAt, contentHash: HASH }],
        nextCursor: null,
      }
    },
  }
}

function known(sessionId: string): Session {
  if (sessionId !== SESSION_ID) throw new TurboError('not_found', `no session has the id ${sessionId}`)
  return session
}

function withoutContent({ content: _content, ...summary }: Artifact) {
  return summary
}
