/** How the queue stands, for all processes on the store. */
export interface QueueFigures {
  /** Tasks that could be claimed now; of more than 50,000 only so many are looked at. */
  readyTasks: number
  /** How long the oldest of them has waited; 0 without any. */
  oldestReadySeconds: number
  /** Tasks that workers run. */
  busySlots: number
  /** Tasks that the workers seen within a minute can run at once. */
  slots: number
  /** By platform, the longest that an account is still paused. */
  pauses: { platform: string; seconds: number }[]
  /** Runs of the tasks that ended within the last hour (the latest 5,000), by outcome, with what they cost. */
  recentAttempts: { outcome: string; count: number; costUsd: number }[]
  /** Rows that wait to be vacuumed, by table, as PostgreSQL estimates them. */
  deadTuples: { table: string; count: number }[]
}

/** One look of a worker of this process at the queue. */
export interface ClaimSeen {
  tookSeconds: number
  /** For each task that was claimed, the time since it could be. */
  waitedSeconds: number[]
}

/** Figures for those who watch. */
export interface FiguresService {
  /** Read anew when they are more than five seconds old; callers that come meanwhile share one reading. */
  read(): Promise<QueueFigures>
  /** Calls `listener` for each claim by a worker of this process. */
  onClaim(listener: (seen: ClaimSeen) => void): void
}
