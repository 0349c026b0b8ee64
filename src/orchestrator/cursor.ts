import { invalid } from '../base/errors.ts'

/** An opaque cursor of one list; `position` is what the last row of the page is sorted by. */
export function writeCursor(list: string, position: readonly unknown[]): string {
  return Buffer.from(JSON.stringify([list, ...position]), 'utf8').toString('base64url')
}

/**
 * The position that a cursor of this list stands at.
 *
 * @param fits whether it has the shape that this list writes
 * @throws TurboError `invalid_input` for what {@link writeCursor} did not write for this list
 */
export function readCursor<Position extends readonly unknown[]>(
  list: string,
  cursor: string,
  fits: (position: readonly unknown[]) => position is Position,
): Position {
  const [written, ...position] = parsed(cursor)
  if (written !== list || !fits(position)) throw invalid('/cursor', 'not a cursor that this list answered with')
  return position
}

function parsed(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    return Array.isArray(value) ? value : []
  } catch {
    // Not one of ours, which the caller says.
    return []
  }
}

/** A moment as the database writes it, and an id: the position in a list that is sorted by time. */
export function isMomentAndId(position: readonly unknown[]): position is [string, string] {
  const [moment, id] = position
  return (
    position.length === 2 &&
    typeof moment === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(moment) &&
    !Number.isNaN(Date.parse(moment)) &&
    typeof id === 'string' &&
    !/[\0\p{Surrogate}]/u.test(id)
  )
}
