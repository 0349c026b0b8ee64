/** Tasks are taken from the queue and run here, by headless agents as processes. */
export type { End, GateVerdict, RunEvidence } from './classify.ts'
export { END_ACTIONS, type EndAction, retryDelayMs } from './end-actions.ts'
export { END_CLASSES, type EndClass } from './end-class.ts'
export { PRICES_AS_OF } from './prices.ts'
export { type Capability, probe } from './probe.ts'
export {
  killOrphans,
  type ProcessEnd,
  type ProcessIdentity,
  type ProcessLimits,
  type StopReason,
} from './process/index.ts'
export { composePrompt, type KnowledgePiece, type PromptOptions, type WorkOrder } from './prompt.ts'
export { type Run, type RunOptions, type RunOutcome, settle, startRun } from './run.ts'
export { createRunners, type Permission, type RunEvent, type Runner, type RunRequest } from './runners/index.ts'
export { openSpool, type SendResult, type Spool, type SpooledResult } from './spool.ts'
export type { WorkerServices, WorkerSettings } from './types.ts'
export type { ModelUsage, Tokens, Usage } from './usage.ts'
export { createWorker, type Worker } from './worker.ts'
