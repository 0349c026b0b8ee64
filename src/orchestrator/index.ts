import type { Log } from '../base/log.ts'
import type { Database } from '../db/executor.ts'
import { createLanding } from './landing/landing.ts'
import type { LandingService, Recall } from './landing/types.ts'
import { createNodes } from './nodes/nodes.ts'
import type { NodesService, Presence } from './nodes/types.ts'

export type * from './landing/types.ts'
export { MAX_TOKENS_DEFAULT, MAX_TOKENS_MIN } from './landing/types.ts'
export type * from './nodes/types.ts'
export { NODE_STATUSES, SERVICE_STATUSES } from './nodes/types.ts'

/** Sessions, tasks, the audit trail, and what an agent must know when it starts. */
export interface OrchestratorServices {
  landing: LandingService
  nodes: NodesService
}

/** The services over one store, with what runs behind them. */
export interface Orchestrator extends OrchestratorServices {
  /** Registers this host and the server that answers on it, until {@link stop}, and has landing contexts ready. */
  announce(presence: Presence): Promise<void>
  /** Starts what runs in the background. Called twice, it starts once. */
  start(): Promise<void>
  /** Ends the background work. Idempotent; the store is the caller's to stop. */
  stop(): Promise<void>
}

export interface OrchestratorOptions {
  db: Database
  log: Log
  /** What is known that somebody should know who starts. */
  recall: Recall
  countTokens(text: string): number
}

export function createOrchestrator({ db, log, recall, countTokens }: OrchestratorOptions): Orchestrator {
  const landing = createLanding({ db, log, recall, countTokens })
  const nodes = createNodes({ db, log, onWrite: (topics) => landing.changed(topics) })
  let starting: Promise<void> | undefined
  return {
    landing,
    nodes,
    async announce(presence) {
      await Promise.all([landing.warm(), nodes.announce(presence)])
    },
    start() {
      starting ??= landing.start()
      return starting
    },
    async stop() {
      // The listing of this server as stopped is for others: a store that is away must not keep the process up.
      await nodes
        .stop()
        .catch((error: unknown) => log.warn({ err: error }, 'the server could not be listed as stopped'))
      await landing.stop()
    },
  }
}
