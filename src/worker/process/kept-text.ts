/** What is left of a stream: all of it, or its first and last bytes. */
export interface KeptText {
  head: string
  /** Empty when the head holds everything. */
  tail: string
  /** Bytes between head and tail that are gone. */
  droppedBytes: number
  totalBytes: number
}

/** Keeps the first and the last bytes of a stream of any length. */
export class HeadAndTail {
  readonly #headBytesMax: number
  readonly #tailBytesMax: number
  #head: Buffer[] = []
  #headBytes = 0
  #tail: Buffer[] = []
  #tailBytes = 0
  #totalBytes = 0

  constructor(headBytesMax: number, tailBytesMax: number) {
    this.#headBytesMax = headBytesMax
    this.#tailBytesMax = tailBytesMax
  }

  push(chunk: Buffer): void {
    this.#totalBytes += chunk.length
    const toHead = chunk.subarray(0, this.#headBytesMax - this.#headBytes)
    if (toHead.length > 0) this.#head.push(toHead)
    this.#headBytes += toHead.length
    const rest = chunk.subarray(toHead.length)
    if (rest.length === 0) return
    this.#tail.push(rest)
    this.#tailBytes += rest.length
    // Joined now and then and not at each chunk: a byte is copied a bounded number of times.
    if (this.#tailBytes > 2 * this.#tailBytesMax) this.#cutTail()
  }

  /** Bytes seen so far, kept or not. */
  get totalBytes(): number {
    return this.#totalBytes
  }

  text(): KeptText {
    this.#cutTail()
    return {
      head: Buffer.concat(this.#head).toString('utf8'),
      tail: Buffer.concat(this.#tail).toString('utf8'),
      droppedBytes: this.#totalBytes - this.#headBytes - this.#tailBytes,
      totalBytes: this.#totalBytes,
    }
  }

  #cutTail(): void {
    // A copy, so that the chunks it was cut from can be freed.
    const tail = Buffer.from(Buffer.concat(this.#tail).subarray(-this.#tailBytesMax))
    this.#tail = [tail]
    this.#tailBytes = tail.length
  }
}

/** Head and tail as one text that says what is missing. */
export function joinKept({ head, tail, droppedBytes }: KeptText): string {
  return droppedBytes === 0 ? head + tail : `${head}\n[${droppedBytes} bytes left out]\n${tail}`
}
