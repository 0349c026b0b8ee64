import { createHash, randomBytes } from 'node:crypto'

/**
 * Hexadecimal digits for a new id: random, or derived from what identifies the request, so that a repetition of it
 * after a crash names what the first made. `attempt` gives others when the first are taken.
 */
export function hexDigits(digits: number, request?: string, attempt = 0): string {
  if (request === undefined)
    return randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits)
  return createHash('sha256').update(`${attempt} ${request}`).digest('hex').slice(0, digits)
}
