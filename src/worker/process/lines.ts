const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const LETTER_U = 0x75

/**
 * Cuts what stands between quotes in lines of JSON to a length, so that a line stays JSON however long a text in it is:
 * a result that carries 50 MB of text still says how the run ended. What was cut is replaced by a note of its size.
 * Bytes in, bytes out; lines that are not JSON pass, with what they have between quotes cut the same way.
 */
export class StringCutter {
  readonly #bytesMax: number
  #isInside = false
  #isEscaped = false
  #hexDigitsLeft = 0
  #length = 0
  /** Bytes left out of the string at hand; null while it is still short enough. */
  #dropped: number | null = null

  /** @param bytesMax longest text between two quotes, in bytes of JSON */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  push(chunk: Buffer): Buffer {
    const parts: Buffer[] = []
    let from = 0
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] as number
      const isTextBefore = this.#isInside
      const mayCut = this.#isCharacterStart(byte)
      this.#step(byte)
      if (!this.#isInside) {
        if (isTextBefore && this.#dropped !== null) {
          parts.push(Buffer.from(` [${this.#dropped} bytes left out]`))
          from = at
        }
        this.#dropped = null
        continue
      }
      if (!isTextBefore) continue
      this.#length += 1
      if (this.#dropped !== null) this.#dropped += 1
      else if (this.#length > this.#bytesMax && mayCut) {
        parts.push(chunk.subarray(from, at))
        this.#dropped = 1
      }
    }
    if (this.#dropped === null) parts.push(chunk.subarray(from))
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
  }

  /** True where cutting leaves neither half a UTF-8 character nor half an escape. */
  #isCharacterStart(byte: number): boolean {
    return !this.#isEscaped && this.#hexDigitsLeft === 0 && (byte & 0xc0) !== 0x80
  }

  #step(byte: number): void {
    // JSON has no raw line end inside a string: whatever was open is over.
    if (byte === NEWLINE) {
      this.#isInside = false
    } else if (!this.#isInside) {
      this.#isInside = byte === QUOTE
      this.#length = 0
    } else if (this.#isEscaped) {
      this.#isEscaped = false
      this.#hexDigitsLeft = byte === LETTER_U ? 4 : 0
    } else if (this.#hexDigitsLeft > 0) {
      this.#hexDigitsLeft -= 1
    } else if (byte === BACKSLASH) {
      this.#isEscaped = true
    } else if (byte === QUOTE) {
      this.#isInside = false
    }
    if (!this.#isInside) {
      this.#isEscaped = false
      this.#hexDigitsLeft = 0
    }
  }
}

/** Splits bytes into lines of text, each cut to a length; the last one needs no line end. */
export class LineSplitter {
  readonly #bytesMax: number
  readonly #onLine: (line: string, droppedBytes: number) => void
  #parts: Buffer[] = []
  #length = 0
  #dropped = 0

  /** @param onLine gets each line without its end, and how many of its bytes were cut off */
  constructor(bytesMax: number, onLine: (line: string, droppedBytes: number) => void) {
    this.#bytesMax = bytesMax
    this.#onLine = onLine
  }

  push(chunk: Buffer): void {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, end))
      this.#emit()
      from = end + 1
    }
    this.#keep(chunk.subarray(from))
  }

  /** The stream has ended. */
  end(): void {
    if (this.#length > 0) this.#emit()
  }

  #keep(bytes: Buffer): void {
    const kept = bytes.subarray(0, this.#bytesMax - this.#length)
    if (kept.length > 0) this.#parts.push(kept)
    this.#length += kept.length
    this.#dropped += bytes.length - kept.length
  }

  #emit(): void {
    const line = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts)
    const dropped = this.#dropped
    this.#parts = []
    this.#length = 0
    this.#dropped = 0
    const length = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length
    this.#onLine(line.toString('utf8', 0, length), dropped)
  }
}
