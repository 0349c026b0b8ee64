/** Below this a half has no exponent left: it counts units of 2^-24. */
const HALF_NORMAL_MIN = 2 ** -14
/** The bits of a float that is 2^-15; half precision begins to count exponents here, single precision at 2^-127. */
const EXPONENT_SHIFT = 0x38000000

/**
 * A vector as pgvector's binary `halfvec`: the dimensions, a zero, and the components in half precision, rounded as the
 * server rounds. Against text it is a quarter of the bytes, and costs both sides a tenth of the time.
 *
 * @param vector components within half precision's range (65,504), as those of a unit vector are
 */
export function toHalfvec(vector: Float32Array): Buffer {
  const binary = Buffer.allocUnsafe(4 + 2 * vector.length)
  binary.writeUInt32BE(vector.length << 16)
  const bits = new Uint32Array(vector.buffer, vector.byteOffset, vector.length)
  for (let index = 0, at = 4; index < vector.length; index += 1, at += 2) {
    const half = toHalf(vector[index] as number, bits[index] as number)
    binary[at] = half >> 8
    binary[at + 1] = half
  }
  return binary
}

/** Rounds to the nearest, of two equally near ones to the even one. */
function toHalf(value: number, bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const size = Math.abs(value)
  if (size >= HALF_NORMAL_MIN) {
    const magnitude = (bits & 0x7fffffff) - EXPONENT_SHIFT
    return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
  }
  const units = size * 2 ** 24
  const floor = Math.floor(units)
  const rest = units - floor
  return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor)
}

/**
 * Binary vectors as one binary `halfvec[]`.
 *
 * @param typeOid the oid of `halfvec` in this database, which the form names
 */
export function toHalfvecArray(vectors: readonly Buffer[], typeOid: number): Buffer {
  const header = Buffer.alloc(20)
  header.writeUInt32BE(1, 0)
  header.writeUInt32BE(typeOid, 8)
  header.writeUInt32BE(vectors.length, 12)
  header.writeUInt32BE(1, 16)
  const parts = vectors.flatMap((vector) => {
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(vector.length)
    return [length, vector]
  })
  return Buffer.concat([header, ...parts])
}

/** The text that a chunk's vector stands for: where it stands, then what it says. */
export function embeddingText(title: string | null, heading: string | null, text: string): string {
  const place = [title, heading].filter((part) => part && !text.startsWith(part)).join(' › ')
  return place ? `${place}\n${text}` : text
}
