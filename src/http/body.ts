import { invalid, TurboError } from '../base/errors.ts'
import type { BodyBudget } from './body-budget.ts'
import type { HttpContext } from './context.ts'
import { parseJson } from './json.ts'

export const BODY_BYTES_MAX = 8_000_000
export const LARGE_BODY_BYTES_MAX = 64_000_000
/** Bodies of all requests at work together: the bound of the memory that callers can take. */
export const BODIES_BYTES_MAX = 256_000_000

/** A body in memory, counted against the budget until it is released. */
export interface HeldBody {
  json: unknown
  release(): void
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads the JSON body of a request, never more than `bytesMax`.
 *
 * @throws TurboError `unsupported_media_type`, `payload_too_large`, `invalid_input` (not UTF-8, not JSON), `unavailable`.
 */
export async function readJsonBody(c: HttpContext, bytesMax: number, budget: BodyBudget): Promise<HeldBody> {
  checkType(c)
  const taken = { bytes: 0 }
  const take = (bytes: number) => {
    if (taken.bytes + bytes > bytesMax) throw tooLarge(bytesMax)
    budget.take(bytes)
    taken.bytes += bytes
  }
  const release = () => {
    budget.give(taken.bytes)
    taken.bytes = 0
  }
  try {
    const json = parseJson(decode(await readBytes(c, take)))
    return { json, release }
  } catch (error) {
    release()
    throw error
  }
}

async function readBytes(c: HttpContext, take: (bytes: number) => void): Promise<Uint8Array> {
  const declared = c.req.header('content-length')
  if (declared !== undefined && c.req.header('transfer-encoding') === undefined) {
    // The HTTP parser holds the sender to its word, so that the length may be judged before a byte is read.
    take(Number(declared))
    return new Uint8Array(await c.req.arrayBuffer().catch(brokenOff))
  }
  const chunks: Uint8Array[] = []
  const reader = c.req.raw.body?.getReader()
  for (;;) {
    const chunk = await reader?.read().catch(brokenOff)
    if (chunk === undefined || chunk.done) return Buffer.concat(chunks)
    take(chunk.value.byteLength)
    chunks.push(chunk.value)
  }
}

/** The sender went away; there is nobody to answer, but this is no bug of ours either. */
function brokenOff(cause: unknown): never {
  throw new TurboError('invalid_input', 'the body broke off before its end', { cause })
}

function decode(bytes: Uint8Array): string {
  if (bytes.byteLength === 0) throw invalid('', 'a JSON body is required', 'Send a JSON object as the body.')
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new TurboError('invalid_input', 'the body is not valid UTF-8', { next: 'Encode the JSON as UTF-8.', cause })
  }
}

function checkType(c: HttpContext): void {
  const [type = '', ...parameters] = (c.req.header('content-type') ?? '').toLowerCase().split(';')
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='))
  const isJson = type.trim() === 'application/json' || /^application\/[\w.-]+\+json$/.test(type.trim())
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset)
  const encoding = c.req.header('content-encoding') ?? 'identity'
  if (isJson && isUtf8 && encoding === 'identity') return
  throw new TurboError('unsupported_media_type', 'the body must be JSON in UTF-8, not compressed', {
    next: 'Send the header Content-Type: application/json.',
  })
}

function tooLarge(bytesMax: number): TurboError {
  return new TurboError('payload_too_large', `the body must not be larger than ${bytesMax} bytes`, {
    next: 'Send it in several requests.',
  })
}
