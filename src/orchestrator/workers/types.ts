export const WORKER_STATUSES = ['active', 'draining', 'stopped'] as const
export type WorkerStatus = (typeof WORKER_STATUSES)[number]

/** A program that a worker can run tasks with, as it found it when it last looked. */
export interface WorkerProgram {
  platform: string
  isInstalled: boolean
  version: string | null
  loggedIn: 'yes' | 'no' | 'unknown'
}

/** What a worker tells of itself. */
export interface WorkerPresence {
  /** `host/xxxxxxxx`: another one at each start. */
  workerId: string
  host: string
  pid: number
  version: string
  /** What it claims tasks for: installed, and not known to be logged out. */
  platforms: string[]
  /** Null: any role. */
  roles: string[] | null
  capabilities: string[]
  concurrency: number
  programs: WorkerProgram[]
}

export interface Worker {
  workerId: string
  host: string | null
  pid: number | null
  version: string | null
  /** `unknown`: one that ran and was not seen for a minute. */
  status: WorkerStatus | 'unknown'
  platforms: string[]
  roles: string[] | null
  capabilities: string[]
  concurrency: number
  /** Tasks that it runs now. */
  running: number
  programs: WorkerProgram[]
  startedAt: string
  lastSeen: string
}

/** The verbs on workers. */
export interface WorkerService {
  /** Those seen within the last day, the running ones first. */
  list(): Promise<{ workers: Worker[] }>
  /**
   * Asks a worker to claim nothing more and to end when its runs have ended. Asking twice is the same as once.
   *
   * @throws TurboError `not_found`
   */
  drain(workerId: string): Promise<Worker>
}

/** {@link WorkerService} with what workers tell of themselves. */
export interface WorkerRegistry extends WorkerService {
  /** Makes it known, or says that it is still there. True when it was asked to drain. */
  tell(presence: WorkerPresence): Promise<{ drain: boolean }>
  /** Says that it drains, or has ended. */
  leave(workerId: string, status: 'draining' | 'stopped'): Promise<void>
}
