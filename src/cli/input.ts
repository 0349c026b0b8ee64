import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { TurboError } from '../base/errors.ts'

/** Characters of a text take at most four bytes each; more than this no operation accepts. */
const TEXT_BYTES_MAX = 20_000_000

/**
 * A whole text from a file, or from standard input where `path` is `-`.
 *
 * @throws TurboError `payload_too_large`, `invalid_input` (not UTF-8)
 */
export async function readText(path: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of openInput(path)) {
    size += chunk.length
    if (size > TEXT_BYTES_MAX) {
      throw new TurboError('payload_too_large', `${nameOf(path)} is larger than ${TEXT_BYTES_MAX} bytes`, {
        next: 'Split it, or use `agent-turbo ingest` for documents.',
      })
    }
    chunks.push(chunk)
  }
  return decode(Buffer.concat(chunks), nameOf(path))
}

/** The bytes of a file, or of standard input where `path` is `-`. */
export function openInput(path: string): Readable & AsyncIterable<Buffer> {
  return path === '-' ? process.stdin : createReadStream(path)
}

/** How a message calls an input. */
export function nameOf(path: string): string {
  return path === '-' ? 'standard input' : path
}

function decode(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new TurboError('invalid_input', `${name} is not UTF-8 text`, {
      next: 'Convert it, or use `agent-turbo ingest` for PDF and other documents.',
      cause,
    })
  }
}
