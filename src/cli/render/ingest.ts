import type { IngestCounts } from '../ingest/ingest.ts'
import type { View } from '../terminal.ts'
import { grouped, plural, printable } from './text.ts'

/** What an ingest has done. */
export interface IngestReport extends IngestCounts {
  source: string
  project: string | null
  /** Documents that have vanished from the source and are no longer found. */
  expired: number
  skipped: { binary: number; empty: number; tooLarge: number }
  /** Items still waiting for vectors; null where nobody waited for them. */
  backlog: number | null
}

/** Failures listed by name; the rest are counted. */
const FAILURES_SHOWN_MAX = 20

export function renderIngest(report: IngestReport, { style }: View): string {
  const { created, updated, unchanged, expired, failed, skipped } = report
  const counts = [
    [created, 'new'],
    [updated, 'changed'],
    [unchanged, 'unchanged'],
    [expired, 'expired'],
    [failed, 'failed'],
    [skipped.binary, 'skipped as binary'],
    [skipped.tooLarge, 'skipped as larger than 20 MB'],
    [skipped.empty, 'skipped as empty'],
  ] as const
  const told = counts.filter(([count]) => count > 0).map(([count, what]) => `${grouped(count)} ${what}`)
  const documents = created + updated + unchanged + failed
  const lines = [`${style.bold(printable(report.source))}: ${plural(documents, 'document')} (${told.join(', ')})`]
  for (const { path, detail } of report.failures.slice(0, FAILURES_SHOWN_MAX)) {
    lines.push(`${style.red('failed')} ${printable(`${path}: ${detail}`)}`)
  }
  const more = report.failures.length - FAILURES_SHOWN_MAX
  if (more > 0) lines.push(`and ${plural(more, 'failure')} more; --json lists all`)
  return lines.join('\n')
}
