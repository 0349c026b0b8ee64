import { createHash } from 'node:crypto'

/** The form in which texts are compared: Unicode NFC, every line end (`\r\n`, `\r`) as `\n`. */
export function normalizeForHash(text: string): string {
  return text.normalize('NFC').replace(/\r\n?/g, '\n')
}

/** SHA-256 of the normalised text as 64 lower-case hex digits: equal for texts that differ in spelling only. */
export function contentHash(text: string): string {
  return createHash('sha256').update(normalizeForHash(text), 'utf8').digest('hex')
}
