/**
 * A vector as pgvector's text. Five decimals are below half precision's resolution for unit vectors, and short numbers
 * halve what travels.
 */
export function toVectorText(vector: Float32Array): string {
  let text = '['
  for (let index = 0; index < vector.length; index += 1) {
    if (index > 0) text += ','
    text += Math.round((vector[index] as number) * 1e5) / 1e5
  }
  return `${text}]`
}

/** What the exponents of single and half precision differ by, where single precision keeps its exponent. */
const HALF_BIAS = 112 << 23
/** Below this single precision pattern (2^-14) half precision has no normal numbers. */
const HALF_NORMAL_MIN = 113 << 23
/** Subnormal halves are multiples of this. */
const HALF_STEP = 2 ** -24

/**
 * A unit vector as pgvector's binary halfvec: dimensions and a zero as 16 bits each, then the components, rounded to
 * nearest, all big-endian. A quarter of the text's size, and neither side prints or parses numbers.
 */
export function toHalfvec(vector: Float32Array): Buffer {
  const bytes = Buffer.alloc(4 + 2 * vector.length)
  bytes.writeUInt16BE(vector.length, 0)
  const patterns = new Uint32Array(Float32Array.from(vector).buffer)
  for (let index = 0; index < vector.length; index += 1) {
    const pattern = patterns[index] as number
    const magnitude = pattern & 0x7fffffff
    const half =
      magnitude < HALF_NORMAL_MIN
        ? Math.round(Math.abs(vector[index] as number) / HALF_STEP)
        : (magnitude - HALF_BIAS + 0xfff + ((magnitude >>> 13) & 1)) >>> 13
    const signed = half | ((pattern >>> 16) & 0x8000)
    bytes[4 + 2 * index] = signed >>> 8
    bytes[5 + 2 * index] = signed & 0xff
  }
  return bytes
}

/** The text that a chunk's vector stands for: where it stands, then what it says. */
export function embeddingText(title: string | null, heading: string | null, text: string): string {
  const place = [title, heading].filter((part) => part && !text.startsWith(part)).join(' › ')
  return place ? `${place}\n${text}` : text
}
