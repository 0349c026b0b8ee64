import { countTokens, pieceEnd, truncateToTokens } from '../text/tokens.ts'
import type { DroppedHit, QueryHit } from '../types.ts'

/** Below this many tokens a passage says too little to be worth returning cut short. */
const REMAINDER_TOKENS_MIN = 24
/** A longer text is taken for too long uncounted. A run of blanks may be fewer tokens: its passage is returned then. */
const CHARS_PER_TOKEN = 12
/** Characters of whole items counted for one answer: a quarter of a second of the calling thread. */
const COUNTED_CHARS_MAX = 500_000
/** What a text is cut to before it is shortened to the remainder, at least. */
const CUT_CHARS_MIN = 8_000

/**
 * Fits the contents of ranked hits into a budget of tokens, best first: the whole item where it fits, else its best
 * passage, else the passage cut short; what no longer fits is dropped and said so. Never returns more than the budget;
 * an item that could only be known to fit by counting megabytes counts as too long.
 */
export function fitToTokens(hits: QueryHit[], maxTokens: number): { hits: QueryHit[]; dropped: DroppedHit[] } {
  const kept: QueryHit[] = []
  const dropped: DroppedHit[] = []
  let left = maxTokens
  let countable = COUNTED_CHARS_MAX
  const count = (text: string, charsMax: number) =>
    text.length > Math.min(left * CHARS_PER_TOKEN, charsMax) ? Number.POSITIVE_INFINITY : countTokens(text)
  for (const hit of hits) {
    let text = hit.content
    let tokens = count(text, countable)
    if (Number.isFinite(tokens)) countable -= text.length
    if (tokens > left && hit.passage !== null) {
      text = hit.passage
      tokens = count(text, COUNTED_CHARS_MAX)
    }
    if (tokens > left && left >= REMAINDER_TOKENS_MIN) {
      const charsMax = Math.min(left * CHARS_PER_TOKEN, Math.max(countable, CUT_CHARS_MIN))
      const cut = text.slice(0, pieceEnd(text, 0, text.length, charsMax))
      text = truncateToTokens(cut, left)
      tokens = countTokens(text)
      countable -= cut.length
    }
    if (tokens > left || text === '') {
      dropped.push({ id: hit.id, reason: 'max_tokens' })
      continue
    }
    left -= tokens
    // The passage would be returned, and count, a second time.
    kept.push({ ...hit, content: text, passage: null, truncated: hit.truncated || text !== hit.content })
  }
  return { hits: kept, dropped }
}
