import { isTurboError } from '../../base/errors.ts'
import { fromWire } from '../../base/wire.ts'
import type { InputOf } from '../../client/index.ts'
import type { Backend } from '../backend.ts'
import { type Line, readLines } from './lines.ts'
import { toAddInput } from './records.ts'

/** A request: within the operation's 1,000 items and the server's bound on bodies. */
const BATCH_ITEMS_MAX = 200
const BATCH_CHARS_MAX = 1_000_000
/** Failures kept for the report; all are counted. */
const FAILURES_KEPT_MAX = 1_000

type AddInput = InputOf<'addKnowledge'>

/** What became of the lines. */
export interface ImportReport {
  lines: number
  created: number
  duplicate: number
  failed: number
  /** The first 1,000. */
  failures: { line: number; detail: string }[]
}

interface Checked {
  line: number
  input: AddInput
  chars: number
}

/**
 * Adds the items of an NDJSON stream in bounded batches, in order; bad lines are reported and cost the others nothing.
 *
 * @param check throws a TurboError `invalid_input` for what `addKnowledge` does not accept
 */
export async function importLines(
  input: AsyncIterable<Buffer>,
  backend: Backend,
  check: (item: unknown) => void,
): Promise<ImportReport> {
  const report: ImportReport = { lines: 0, created: 0, duplicate: 0, failed: 0, failures: [] }
  let batch: Checked[] = []
  let chars = 0
  const flush = async () => {
    if (batch.length > 0) await send(backend, batch, report)
    batch = []
    chars = 0
  }
  for await (const line of readLines(input)) {
    report.lines++
    const checked = checkLine(line, check, report)
    if (checked === null) continue
    if (batch.length === BATCH_ITEMS_MAX || chars + checked.chars > BATCH_CHARS_MAX) await flush()
    batch.push(checked)
    chars += checked.chars
  }
  await flush()
  return report
}

/** The line as an input that the operation accepts, or null after its failure was noted. */
function checkLine(line: Line, check: (item: unknown) => void, report: ImportReport): Checked | null {
  try {
    const wire = toAddInput(line.text)
    check(wire)
    // Sent as it was given: what is filled in for absent fields is the server's affair.
    return { line: line.number, input: fromWire(wire) as unknown as AddInput, chars: line.text.length }
  } catch (error) {
    if (!isTurboError(error, 'invalid_input')) throw error
    fail(report, line.number, error.message)
    return null
  }
}

async function send(backend: Backend, batch: Checked[], report: ImportReport): Promise<void> {
  const { results } = await backend.call('addKnowledgeBatch', { items: batch.map(({ input }) => input) })
  for (const [index, result] of results.entries()) {
    if (result.status === 'failed') fail(report, batch[index]?.line ?? 0, result.detail)
    else report[result.status]++
  }
}

function fail(report: ImportReport, line: number, detail: string): void {
  report.failed++
  if (report.failures.length < FAILURES_KEPT_MAX) report.failures.push({ line, detail })
}
