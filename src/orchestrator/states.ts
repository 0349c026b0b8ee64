/** Every status a task can have. */
export const TASK_STATUSES = ['pending', 'blocked', 'running', 'completed', 'failed', 'cancelled'] as const

export type TaskStatus = (typeof TASK_STATUSES)[number]

/**
 * Where a task may go from each status. The database refuses every other move, by the function `task_moves`, plain SQL
 * included; docs/state-machine.md shows the same as a picture.
 */
export const TASK_MOVES: Record<TaskStatus, readonly TaskStatus[]> = {
  /** Claimed; held back; reported as done by an agent that reports itself; waited too long; cancelled. */
  pending: ['running', 'blocked', 'completed', 'failed', 'cancelled'],
  /** Released; its total time ran out; cancelled, or skipped because of what it depends on. */
  blocked: ['pending', 'failed', 'cancelled'],
  /** Ended; or back for another run; or held for a review or a person. */
  running: ['completed', 'failed', 'cancelled', 'pending', 'blocked'],
  /** Run again; sent back by a review. */
  completed: ['pending', 'blocked'],
  /** Retried. */
  failed: ['pending', 'blocked'],
  /** Retried. */
  cancelled: ['pending', 'blocked'],
}

/** Statuses that a task does not leave by itself. */
export const ENDED: readonly TaskStatus[] = ['completed', 'failed', 'cancelled']

export function canMove(from: TaskStatus, to: TaskStatus): boolean {
  return TASK_MOVES[from].includes(to)
}
