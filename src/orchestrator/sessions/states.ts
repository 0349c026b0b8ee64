/** Statuses of a session; the last two are its end. */
export const SESSION_STATUSES = ['active', 'idle', 'paused', 'completed', 'failed'] as const

type Status = (typeof SESSION_STATUSES)[number]

/**
 * What may follow what, when somebody asks for it. A session becomes `idle` by itself and `active` again by any
 * activity; `paused` lasts until it is resumed; an ended session stays ended.
 */
export const NEXT_STATUSES: Record<Status, readonly Status[]> = {
  active: ['idle', 'paused', 'completed', 'failed'],
  idle: ['active', 'paused', 'completed', 'failed'],
  paused: ['active', 'completed', 'failed'],
  completed: [],
  failed: [],
}

/** The statuses from which `to` may be asked for: itself too, so that a repeated request does no harm. */
export function statusesBefore(to: Status): Status[] {
  return SESSION_STATUSES.filter((from) => from === to || NEXT_STATUSES[from].includes(to))
}
