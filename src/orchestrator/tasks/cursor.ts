import { invalid } from '../../base/errors.ts'
import type { PagePosition } from './queries.ts'

/** An opaque cursor that stands behind a task or, with a number alone, behind a run. */
export function writeCursor({ seq, rank }: PagePosition): string {
  return Buffer.from(rank === undefined ? `t${seq}` : `q${seq} ${rank}`, 'utf8').toString('base64url')
}

/** @throws TurboError `invalid_input` for what {@link writeCursor} did not write for this order */
export function readCursor(cursor: string, ready: boolean): PagePosition {
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  const [, seq, rank] = (ready ? /^q(\d{1,15}) ([-\d]+T[\d:.]+Z)$/ : /^t(\d{1,15})$/).exec(text) ?? []
  if (seq === undefined) throw invalid('/cursor', 'not a cursor that this list answered with')
  return rank === undefined ? { seq: Number(seq) } : { seq: Number(seq), rank }
}
