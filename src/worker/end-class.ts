/** Every way in which an attempt ends. What follows from each is in the table of `end-actions.ts`. */
export const END_CLASSES = [
  'ok',
  'auth',
  'usage_limit',
  'rate_limited',
  'overloaded',
  'billing',
  'context_too_long',
  'budget',
  'permission_denied',
  'timeout',
  'stalled',
  'cancelled',
  'crashed',
  'no_result',
  'gate_failed',
  'fenced',
] as const

export type EndClass = (typeof END_CLASSES)[number]
