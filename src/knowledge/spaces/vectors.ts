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

/** The text that a chunk's vector stands for: where it stands, then what it says. */
export function embeddingText(title: string | null, heading: string | null, text: string): string {
  const place = [title, heading].filter((part) => part && !text.startsWith(part)).join(' › ')
  return place ? `${place}\n${text}` : text
}
