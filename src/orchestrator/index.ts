import type { Log } from '../base/log.ts'
import type { Database } from '../db/executor.ts'
import { createArtifacts } from './artifacts/artifacts.ts'
import type { ArtifactService } from './artifacts/types.ts'
import { createAudit } from './audit/audit.ts'
import type { AuditService } from './audit/types.ts'
import { createConversation } from './conversation/conversation.ts'
import type { ConversationService } from './conversation/types.ts'
import { createSessions } from './sessions/sessions.ts'
import type { Land, SessionService, WrittenKnowledge } from './sessions/types.ts'
import { createTaskQueue, type TaskQueue } from './tasks/queue.ts'
import { createTaskService, type TaskService } from './tasks/service.ts'

export type * from './artifacts/types.ts'
export type * from './audit/types.ts'
export type * from './conversation/types.ts'
export { CHUNK_FORMATS } from './conversation/types.ts'
export { SESSION_STATUSES } from './sessions/states.ts'
export type * from './sessions/types.ts'
export type { TaskService } from './tasks/service.ts'

/** Sessions, tasks, the audit trail, and what an agent must know when it starts. */
export interface OrchestratorServices {
  sessions: SessionService
  tasks: TaskService
  audit: AuditService
  artifacts: ArtifactService
  conversation: ConversationService
}

/** The services over one store, with what runs behind them. */
export interface Orchestrator extends OrchestratorServices {
  /** Where workers get their tasks. */
  queue: TaskQueue
  /** Starts what runs in the background. Called twice, it starts once. */
  start(): Promise<void>
  /** Ends the background work. Idempotent; the store is the caller's to stop. */
  stop(): Promise<void>
}

export interface OrchestratorOptions {
  db: Database
  log: Log
  writtenKnowledge: WrittenKnowledge
}

export function createOrchestrator({ db, log, writtenKnowledge }: OrchestratorOptions): Orchestrator {
  const audit = createAudit({ db, log })
  const sessions = createSessions({ db, log, land, writtenKnowledge })
  const tasks = createTaskService({ db, log })
  const loops = [audit, sessions, tasks]
  return {
    sessions,
    tasks,
    audit,
    artifacts: createArtifacts({ db }),
    conversation: createConversation({ db }),
    queue: createTaskQueue(db),
    start: async () => {
      for (const loop of loops) loop.start()
    },
    stop: async () => {
      await Promise.all(loops.map((loop) => loop.stop()))
    },
  }
}

/** Stands in until there is a landing context: an empty one. */
const land: Land = async () => ({ context: {}, version: '0', tokens: 0 })
