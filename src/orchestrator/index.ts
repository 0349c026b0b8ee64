import type { Log } from '../base/log.ts'
import type { Database } from '../db/executor.ts'

/** Sessions, tasks, the audit trail, and what an agent must know when it starts. */
export type OrchestratorServices = Record<never, never>

/** The services over one store, with what runs behind them. */
export interface Orchestrator extends OrchestratorServices {
  /** Starts what runs in the background. Called twice, it starts once. */
  start(): Promise<void>
  /** Ends the background work. Idempotent; the store is the caller's to stop. */
  stop(): Promise<void>
}

export interface OrchestratorOptions {
  db: Database
  log: Log
}

export function createOrchestrator(_options: OrchestratorOptions): Orchestrator {
  return {
    start: async () => undefined,
    stop: async () => undefined,
  }
}
