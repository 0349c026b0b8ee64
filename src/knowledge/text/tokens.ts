import { createRequire } from 'node:module'
import type * as Encoding from 'gpt-tokenizer/encoding/cl100k_base'

/**
 * Longest stretch without a word boundary that is handed to the tokenizer in one piece. Its merging is quadratic in
 * that length (200,000 equal letters take 14 s); no natural word is longer, so only blobs are counted in pieces, which
 * adds at most a token a piece.
 */
const STRETCH_CHARS_MAX = 64

/** No token of the encoding stands for more characters than this (the longest one is a run of blanks). */
const CHARS_PER_TOKEN_MAX = 128

/** Words whose tokens the tokenizer remembers; its own 100,000 makes each new word take 0.1 ms once they are full. */
const MERGE_CACHE_ENTRIES = 2_000

/** A code unit is at most three bytes of UTF-8, and a token at least one byte. */
const UTF8_BYTES_MAX = 3

/** Text such as `<|endoftext|>` is counted as the text it is; the tokenizer's default is to throw. */
const AS_TEXT = { disallowedSpecial: new Set<string>() }

const STRETCH = STRETCH_CHARS_MAX + 1
const LONG_STRETCHES = new RegExp(`\\S{${STRETCH},}|\\s{${STRETCH},}`, 'g')

const require = createRequire(import.meta.url)
let encoding: typeof Encoding | undefined

/**
 * Loads the tokenizer at its first use (60 ms and 40 MB: a command that counts nothing must not pay). cl100k_base
 * counts English and code within 0.1% of o200k_base at half the load time and memory.
 */
function tokenizer(): typeof Encoding {
  if (encoding) return encoding
  encoding = require('gpt-tokenizer/encoding/cl100k_base') as typeof Encoding
  encoding.setMergeCacheSize(MERGE_CACHE_ENTRIES)
  return encoding
}

/** Tokens of `text` in the cl100k_base encoding; linear in its length whatever it holds. The first call takes 60 ms. */
export function countTokens(text: string): number {
  const { countTokens: count } = tokenizer()
  if (text.length <= STRETCH_CHARS_MAX) return count(text, AS_TEXT)
  let tokens = 0
  let counted = 0
  for (const { 0: stretch, index } of text.matchAll(LONG_STRETCHES)) {
    tokens += count(text.slice(counted, index), AS_TEXT)
    for (let at = 0; at < stretch.length; ) {
      const end = pieceEnd(stretch, at, stretch.length, STRETCH_CHARS_MAX)
      tokens += count(stretch.slice(at, end), AS_TEXT)
      at = end
    }
    counted = index + stretch.length
  }
  return tokens + count(counted === 0 ? text : text.slice(counted), AS_TEXT)
}

/**
 * A beginning of `text` of at most `max` tokens, the whole of it where it fits; ends at a word where there is one, never
 * inside a surrogate pair, and may be a few tokens shorter than the longest that would fit.
 */
export function truncateToTokens(text: string, max: number): string {
  if (text.length * UTF8_BYTES_MAX <= max || (text.length <= max * CHARS_PER_TOKEN_MAX && countTokens(text) <= max))
    return text
  let end = 0
  let tokens = 0
  while (end < text.length) {
    const next = pieceEnd(text, end, text.length, STRETCH_CHARS_MAX)
    const cost = countTokens(text.slice(end, next))
    if (tokens + cost > max) break
    tokens += cost
    end = next
  }
  // Tokens of pieces almost always add up to no less than those of the whole; where not, words are given back.
  while (end > 0 && countTokens(text.slice(0, end)) > max) end = wordStart(text, end)
  return text.slice(0, end).trimEnd()
}

/**
 * Where to end a piece of at most `charsMax` code units (at least 4) that begins at `start`: in front of the last blank in
 * its second half (tokens begin with their blank), else at the full length, one less where that would split a surrogate pair.
 */
export function pieceEnd(text: string, start: number, limit: number, charsMax: number): number {
  const full = start + charsMax
  if (full >= limit) return limit
  for (let end = full; end > start + charsMax / 2; end -= 1) {
    if (isBlank(text.charCodeAt(end))) return end
  }
  return splitsPair(text, full) ? full - 1 : full
}

function wordStart(text: string, end: number): number {
  let at = end - 1
  while (at > 0 && end - at < STRETCH_CHARS_MAX && !isBlank(text.charCodeAt(at))) at -= 1
  return splitsPair(text, at) ? at - 1 : at
}

function splitsPair(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800
}

function isBlank(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13)
}
