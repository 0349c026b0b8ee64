import { TurboError } from '../../base/errors.ts'

/** Fields of an exported item that the store it comes into makes anew. */
const MADE_BY_THE_STORE = [
  'id',
  'content_hash',
  'valid_from',
  'valid_to',
  'superseded_by',
  'access_count',
  'last_accessed',
  'created_at',
  'updated_at',
  'embedding',
  'chunks',
] as const

/** What the original store knew and the new one cannot take over; kept under `metadata.imported`. */
const REMEMBERED = ['id', 'created_at', 'updated_at', 'valid_to', 'superseded_by'] as const

type Json = Record<string, unknown>

/**
 * A line of an export, or of hand-written NDJSON in the shape of `add`, as the wire input of `add`. Where the line comes
 * from a store, its id and times go to `metadata.imported`; an origin that is noted there already stays. An item that
 * was no longer valid comes in expired.
 *
 * @throws TurboError `invalid_input` when the line is no JSON object
 */
export function toAddInput(line: string): Json {
  const record = parseObject(line)
  const { metadata, source, expires_at: expiresAt, ...rest } = record
  const input = without(rest, MADE_BY_THE_STORE)
  const { path, ...origin } = isObject(source) ? source : {}
  const imported = { ...pick(record, REMEMBERED), ...(path === undefined ? {} : { path }) }
  const isExported = record.id !== undefined || path !== undefined
  const withOrigin = isExported ? { imported, ...(isObject(metadata) ? metadata : {}) } : metadata
  return present({
    ...input,
    metadata: withOrigin,
    source: isObject(source) ? (Object.keys(origin).length > 0 ? origin : null) : source,
    expires_at: record.valid_to ?? expiresAt,
  })
}

function parseObject(line: string): Json {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    // The parser's message would quote the line.
    throw new TurboError('invalid_input', 'is not JSON')
  }
  if (!isObject(value)) throw new TurboError('invalid_input', 'is not a JSON object')
  return value
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function without(record: Json, names: readonly string[]): Json {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)))
}

function pick(record: Json, names: readonly string[]): Json {
  return present(Object.fromEntries(names.map((name) => [name, record[name]])))
}

/** An export writes null for what there is none of, where `add` wants no field at all. */
function present(record: Json): Json {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined && value !== null))
}
