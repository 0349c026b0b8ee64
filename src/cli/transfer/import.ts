import { isTurboError } from '../../base/errors.ts'
import { fromWire } from '../../base/wire.ts'
import type { InputOf } from '../../client/index.ts'
import type { parseInput as ParseInput, Operations } from '../../operations/index.ts'
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

/** What checks a line before it is sent. */
export interface ImportDependencies {
  backend: Backend
  parseInput: typeof ParseInput
  addKnowledge: Operations['addKnowledge']
}

interface Checked {
  line: number
  input: AddInput
  chars: number
}

/** Adds the items of an NDJSON stream in bounded batches, in order; bad lines are reported and cost the others nothing. */
export async function importLines(
  input: AsyncIterable<Buffer>,
  deps: ImportDependencies,
  onProgress: (lines: number) => void,
): Promise<ImportReport> {
  const report: ImportReport = { lines: 0, created: 0, duplicate: 0, failed: 0, failures: [] }
  let batch: Checked[] = []
  let chars = 0
  const flush = async () => {
    if (batch.length > 0) await send(deps.backend, batch, report)
    batch = []
    chars = 0
    onProgress(report.lines)
  }
  for await (const line of readLines(input)) {
    report.lines++
    const checked = check(line, deps, report)
    if (checked === null) continue
    if (batch.length === BATCH_ITEMS_MAX || chars + checked.chars > BATCH_CHARS_MAX) await flush()
    batch.push(checked)
    chars += checked.chars
  }
  await flush()
  return report
}

/** The line as an input that the operation accepts, or null after its failure was noted. */
function check(line: Line, { parseInput, addKnowledge }: ImportDependencies, report: ImportReport): Checked | null {
  try {
    const wire = toAddInput(line.text)
    parseInput(addKnowledge, wire)
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
