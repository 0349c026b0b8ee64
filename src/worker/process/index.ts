export { childEnvironment, isWithheld } from './environment.ts'
export { identify, isAlive, killMarked, killOrphans, type ProcessIdentity } from './group.ts'
export { HeadAndTail, joinKept } from './kept-text.ts'
export {
  DEFAULT_LIMITS,
  type ProcessEnd,
  type ProcessLimits,
  type RunningProcess,
  type StopReason,
  startProcess,
} from './run-process.ts'
export { makeScratch, removeScratch } from './scratch.ts'
