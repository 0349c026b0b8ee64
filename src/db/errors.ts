import { type ErrorCode, isTurboError, TurboError } from '../base/errors.ts'

/** Seconds after which a caller may retry when the store is away for a moment. */
const retryAfterSeconds = 1

/**
 * SQLSTATE codes that we act on by name. Source: PostgreSQL documentation, appendix A. A name of two characters stands
 * for the whole class.
 */
export const sqlstates = {
  connectionLost: ['08', '57P01', '57P02', '57P03', '57P05', '53', '58030'],
  /** The server says it and hangs up: the end of the connection follows, often in a later packet. */
  hangUp: ['08', '57P01', '57P02', '57P03', '57P05', '25P03', '25P04'],
  readOnly: ['25006'],
  /** The wait for another transaction ended; the same call again will do. */
  tryAgain: ['40001', '40P01'],
  timeout: ['57014', '55P03', '25P03', '25P04'],
  duplicate: ['23505', '23P01'],
  reference: ['23503'],
  badValue: ['22', '23502', '23514', '54'],
  /** Raised by our own triggers: a rule that no constraint can say. */
  refused: ['AT'],
  /** A prepared statement that a change of the schema, or a pooler in between, has made unusable. */
  stalePlan: ['0A000', '26000'],
  access: ['28000', '28P01', '3D000', '42501'],
} as const

/** What may be told of a failed statement: names from our own schema and codes; no text that could quote a value. */
export interface DatabaseFailure {
  sqlstate?: string
  constraint?: string
  table?: string
  column?: string
  /** The server's C function that raised it. */
  routine?: string
  /** The operating system's code, e.g. `ECONNREFUSED`. */
  system?: string
}

/** Stands in for the driver's error as `cause`, because the driver's carries statements, details and parameters. */
export class DatabaseFailureError extends Error {
  readonly failure: DatabaseFailure

  constructor(failure: DatabaseFailure) {
    super(`database failure ${failure.sqlstate ?? failure.system ?? 'without a code'}`)
    this.name = 'DatabaseFailureError'
    this.failure = failure
  }
}

/** True when `sqlstate` is one of `codes` or of a class among them. */
export function isState(sqlstate: string | undefined, codes: readonly string[]): boolean {
  return sqlstate !== undefined && (codes.includes(sqlstate) || codes.includes(sqlstate.slice(0, 2)))
}

/** The facts of a driver's error that are safe to keep. */
export function failureOf(error: unknown): DatabaseFailure {
  if (error instanceof DatabaseFailureError) return error.failure
  if (isTurboError(error)) return error.cause === undefined ? {} : failureOf(error.cause)
  if (typeof error !== 'object' || error === null) return {}
  const { code, constraint, table, column, routine } = error as Record<string, unknown>
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
    return {
      sqlstate: code,
      constraint: text(constraint),
      table: text(table),
      column: text(column),
      routine: text(routine),
    }
  }
  return { system: typeof code === 'string' && /^E[A-Z0-9_]+$/.test(code) ? code : undefined }
}

/** True when another transaction got in the way, so that the same transaction again will do. */
export function canRepeat(error: unknown): boolean {
  return isState(failureOf(error).sqlstate, sqlstates.tryAgain)
}

/**
 * True when the statement failed only because it was prepared before the schema changed: the same statement under a new
 * name will do. `0A000` also means "not supported", hence the look at the raising function.
 */
export function isStalePlan(error: unknown): boolean {
  const { sqlstate, routine } = failureOf(error)
  return sqlstate === '26000' || (sqlstate === '0A000' && routine === 'RevalidateCachedQuery')
}

/** The store cannot be reached; `error` is what the driver said. */
export function unavailable(error: unknown, message = 'the database is not reachable', next?: string): TurboError {
  return new TurboError('unavailable', message, {
    retryAfterSeconds,
    next: next ?? 'Retry in a moment. `agent-turbo doctor` shows what is wrong with the database.',
    cause: new DatabaseFailureError(failureOf(error)),
  })
}

/** The store was asked after its end. */
export function stopped(): TurboError {
  return new TurboError('unavailable', 'the store is stopped', { next: 'Start Agent Turbo again.' })
}

/** A failed statement as a TurboError. `connectionLost` says that the connection did not survive it. */
export function toTurboError(error: unknown, connectionLost: boolean): TurboError {
  if (isTurboError(error)) return error
  const failure = failureOf(error)
  const { sqlstate } = failure
  if (sqlstate === undefined && (connectionLost || failure.system !== undefined)) return unavailable(error)
  const cause = new DatabaseFailureError(failure)
  const make = (code: ErrorCode, message: string, next?: string, retry?: number) =>
    new TurboError(code, message, { cause, next, retryAfterSeconds: retry })
  if (isState(sqlstate, sqlstates.connectionLost)) return unavailable(error)
  if (isState(sqlstate, sqlstates.readOnly)) return unavailable(error, 'the database is read-only at the moment')
  if (isStalePlan(error)) return unavailable(error, 'the schema of the database has just changed')
  if (isState(sqlstate, sqlstates.tryAgain))
    return unavailable(error, 'another change got in the way', 'Repeat the request.')
  if (isState(sqlstate, sqlstates.timeout))
    return make(
      'timeout',
      'the database did not finish in time',
      'Narrow the request, or retry when the store is less busy.',
    )
  if (isState(sqlstate, sqlstates.duplicate)) return make('conflict', `this already exists${where(failure)}`)
  if (isState(sqlstate, sqlstates.reference))
    return make('conflict', `something that this refers to, or that refers to this, forbids it${where(failure)}`)
  if (isState(sqlstate, sqlstates.refused))
    return make(
      'conflict',
      `a rule of the store forbids this${where(failure)}`,
      'Read it again: it may have changed meanwhile.',
    )
  if (isState(sqlstate, sqlstates.badValue))
    return make('invalid_input', `the database refuses a value${where(failure)}`)
  if (isState(sqlstate, sqlstates.access))
    return make('internal', 'the database role may not do this', 'Check the user and its privileges in DATABASE_URL.')
  return make('internal', `a statement failed${sqlstate === undefined ? '' : ` (SQLSTATE ${sqlstate})`}`)
}

function where({ table, column, constraint }: DatabaseFailure): string {
  const name = [table, column ?? constraint].filter((part) => part !== undefined).join('.')
  return name === '' ? '' : ` (${name})`
}
