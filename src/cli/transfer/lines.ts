import { TurboError } from '../../base/errors.ts'

/** A line holds one item: 5 million characters, which JSON may write as six bytes each. */
const LINE_BYTES_MAX = 40_000_000

export interface Line {
  /** From 1. */
  number: number
  text: string
}

/**
 * The lines of a stream of UTF-8, without blank ones; holds no more than one of them.
 *
 * @throws TurboError `payload_too_large` for a line without end
 */
export async function* readLines(input: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let number = 0
  let parts: Buffer[] = []
  let size = 0
  const take = (): Line => {
    const text = Buffer.concat(parts).toString('utf8')
    parts = []
    size = 0
    number++
    return { number, text: number === 1 ? text.replace(/^\u{feff}/u, '') : text }
  }
  for await (const chunk of input) {
    let from = 0
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      parts.push(chunk.subarray(from, end))
      from = end + 1
      const line = take()
      if (line.text.trim() !== '') yield line
    }
    const rest = chunk.subarray(from)
    size += rest.length
    if (size > LINE_BYTES_MAX) {
      throw new TurboError('payload_too_large', `line ${number + 1} is longer than ${LINE_BYTES_MAX} bytes`, {
        next: 'The input must be NDJSON: one JSON object a line.',
      })
    }
    if (rest.length > 0) parts.push(rest)
  }
  const last = parts.length > 0 ? take() : null
  if (last !== null && last.text.trim() !== '') yield last
}
