import { invalid } from '../../base/errors.ts'
import type { LogPosition } from './queries.ts'

/** Before the first entry. */
const START: LogPosition = { attemptNumber: 0, seq: 0 }

/** The cursor behind an entry: `attempt.seq`, as both stand beside it. */
export function cursorOf({ attemptNumber, seq }: LogPosition): string {
  return `${attemptNumber}.${seq}`
}

/** @throws TurboError `invalid_input` for what {@link cursorOf} does not write */
export function positionOf(cursor: string | undefined): LogPosition {
  if (cursor === undefined) return START
  const [, attemptNumber, seq] = /^(\d{1,9})\.(\d{1,9})$/.exec(cursor) ?? []
  if (attemptNumber === undefined) throw invalid('/cursor', 'expected a cursor as an earlier page gave it, e.g. 1.20')
  return { attemptNumber: Number(attemptNumber), seq: Number(seq) }
}
