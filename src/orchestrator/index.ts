import type { Log } from '../base/log.ts'
import { toWire } from '../base/wire.ts'
import type { Database } from '../db/executor.ts'
import { createAccounts } from './accounts/accounts.ts'
import type { AccountService } from './accounts/types.ts'
import { createArtifacts } from './artifacts/artifacts.ts'
import type { ArtifactService } from './artifacts/types.ts'
import { createAudit } from './audit/audit.ts'
import type { AuditService } from './audit/types.ts'
import { createConversation } from './conversation/conversation.ts'
import type { ConversationService } from './conversation/types.ts'
import { createFigures } from './figures/figures.ts'
import type { FiguresService } from './figures/types.ts'
import { createLanding } from './landing/landing.ts'
import type { LandingService, Recall } from './landing/types.ts'
import { createNodes } from './nodes/nodes.ts'
import type { NodesService, Presence } from './nodes/types.ts'
import { createSessions } from './sessions/sessions.ts'
import type { Land, SessionService, WrittenKnowledge } from './sessions/types.ts'
import { createTaskLog } from './task-log/task-log.ts'
import type { TaskLog, TaskLogService } from './task-log/types.ts'
import { createTaskQueue, type TaskQueue } from './tasks/queue.ts'
import { createTaskService, type TaskService } from './tasks/service.ts'
import type { WorkerRegistry, WorkerService } from './workers/types.ts'
import { createWorkers } from './workers/workers.ts'

export type * from './accounts/types.ts'
export type * from './artifacts/types.ts'
export type * from './audit/types.ts'
export type * from './conversation/types.ts'
export { CHUNK_FORMATS } from './conversation/types.ts'
export type * from './figures/types.ts'
export type * from './landing/types.ts'
export { MAX_TOKENS_DEFAULT, MAX_TOKENS_MIN } from './landing/types.ts'
export type * from './nodes/types.ts'
export { NODE_STATUSES, SERVICE_STATUSES } from './nodes/types.ts'
export { SESSION_STATUSES } from './sessions/states.ts'
export type * from './sessions/types.ts'
export { TASK_STATUSES } from './states.ts'
export type * from './task-log/types.ts'
export { LOG_KINDS } from './task-log/types.ts'
export type { TaskQueue } from './tasks/queue.ts'
export type * from './tasks/queue-types.ts'
export type { TaskService } from './tasks/service.ts'
export type * from './tasks/types.ts'
export { NO_BUDGET } from './tasks/types.ts'
export type * from './workers/types.ts'
export { WORKER_STATUSES } from './workers/types.ts'

/** Sessions, tasks, the audit trail, and what an agent must know when it starts. */
export interface OrchestratorServices {
  sessions: SessionService
  tasks: TaskService
  audit: AuditService
  artifacts: ArtifactService
  conversation: ConversationService
  landing: LandingService
  nodes: NodesService
  workers: WorkerService
  taskLog: TaskLogService
  figures: FiguresService
}

/** The services over one store, with what runs behind them. */
export interface Orchestrator extends OrchestratorServices {
  /** Where workers get their tasks. */
  queue: TaskQueue
  /** Where workers tell of themselves. */
  workers: WorkerRegistry
  taskLog: TaskLog
  accounts: AccountService
  /**
   * Registers this host and the server that answers on it (null: it has workers only), until {@link stop}. A server has
   * landing contexts ready by then.
   */
  announce(presence: Presence | null): Promise<void>
  /** Starts what runs in the background. Called twice, it starts once. */
  start(): Promise<void>
  /** Ends the background work. Idempotent; the store is the caller's to stop. */
  stop(): Promise<void>
}

export interface OrchestratorOptions {
  db: Database
  log: Log
  writtenKnowledge: WrittenKnowledge
  /** What is known that somebody should know who starts. */
  recall: Recall
  countTokens(text: string): number
}

export function createOrchestrator(options: OrchestratorOptions): Orchestrator {
  const { db, log, writtenKnowledge } = options
  const landing = createLanding(options)
  const nodes = createNodes({ db, log, onWrite: (topics) => landing.changed(topics) })
  // As it is kept and sent: the session's row is for operators too.
  const land: Land = async (request) => {
    const { context, ...rest } = await landing.land(request)
    return { ...rest, context: toWire(context) as Record<string, unknown> }
  }
  const audit = createAudit({ db, log })
  const sessions = createSessions({ db, log, land, writtenKnowledge })
  const tasks = createTaskService({ db, log })
  const queue = createTaskQueue(db)
  const figures = createFigures({ db })
  const wroteSessions = () => landing.changed(['sessions'])
  const wroteTasks = () => landing.changed(['tasks'])
  let starting: Promise<void> | undefined
  return {
    sessions: telling(sessions, ['create', 'patch'], wroteSessions),
    tasks: telling(tasks, ['create', 'createBatch', 'report', 'cancel', 'retry'], wroteTasks),
    queue: {
      ...telling(queue, ['finish', 'release'], wroteTasks),
      async claim(request) {
        const startedMs = performance.now()
        const claimed = await queue.claim(request)
        const tookSeconds = (performance.now() - startedMs) / 1000
        figures.claimed({ tookSeconds, waitedSeconds: claimed.map(({ waitedSeconds }) => waitedSeconds) })
        if (claimed.length > 0) wroteTasks()
        return claimed
      },
    },
    audit,
    figures,
    artifacts: createArtifacts({ db }),
    conversation: createConversation({ db }),
    landing,
    nodes,
    async announce(presence) {
      await Promise.all([presence && landing.warm(), nodes.announce(presence)])
    },
    workers: createWorkers({ db }),
    taskLog: createTaskLog({ db, log }),
    accounts: telling(createAccounts({ db }), ['pause', 'clear'], () => landing.changed(['accounts'])),
    start() {
      for (const loop of [audit, sessions, tasks]) loop.start()
      starting ??= landing.start()
      return starting
    },
    async stop() {
      // The listing of this server as stopped is for others: a store that is away must not keep the process up.
      await nodes
        .stop()
        .catch((error: unknown) => log.warn({ err: error }, 'the server could not be listed as stopped'))
      await Promise.all([audit, sessions, tasks, landing].map((part) => part.stop()))
    },
  }
}

type Verb = (...input: never[]) => Promise<unknown>

/** `service`, which calls `wrote` when one of its `verbs` has ended: this process reads its own writes at once. */
function telling<Name extends string, Service extends Record<Name, Verb>>(
  service: Service,
  verbs: readonly Name[],
  wrote: () => void,
): Service {
  const told = { ...service }
  for (const name of verbs) {
    const verb = service[name]
    told[name] = ((...input: never[]) => verb(...input).finally(wrote)) as Service[Name]
  }
  return told
}
