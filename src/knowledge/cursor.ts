import { invalid } from '../base/errors.ts'

/** What a cursor goes through: `k` items, `d` documents. */
export type CursorKind = 'k' | 'd'

/** An opaque cursor that stands behind row `id`. */
export function writeCursor(kind: CursorKind, id: number): string {
  return Buffer.from(`${kind}${id}`, 'utf8').toString('base64url')
}

/**
 * The id that a cursor stands behind.
 *
 * @throws TurboError `invalid_input` for what {@link writeCursor} did not write for this kind
 */
export function readCursor(kind: CursorKind, cursor: string): number {
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  const digits = text.slice(1)
  if (!text.startsWith(kind) || !/^\d{1,15}$/.test(digits)) {
    throw invalid('/cursor', 'not a cursor that a list answered with')
  }
  return Number(digits)
}
