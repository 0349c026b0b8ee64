import { countTokens, truncateToTokens } from '../text/tokens.ts'
import type { DroppedHit, QueryHit } from '../types.ts'

/** Below this many tokens a passage says too little to be worth returning cut short. */
const REMAINDER_TOKENS_MIN = 24

/**
 * Fits the contents of ranked hits into a budget of tokens, best first: the whole item where it fits, else its best
 * passage, else the passage cut short; what no longer fits is dropped and said so.
 */
export async function fitToTokens(
  hits: QueryHit[],
  maxTokens: number,
): Promise<{ hits: QueryHit[]; dropped: DroppedHit[] }> {
  const kept: QueryHit[] = []
  const dropped: DroppedHit[] = []
  let left = maxTokens
  for (const hit of hits) {
    const text = await firstFitting([hit.content, hit.passage], left)
    const cut = text ?? (left >= REMAINDER_TOKENS_MIN ? truncateToTokens(hit.passage ?? hit.content, left) : null)
    if (!cut) {
      dropped.push({ id: hit.id, reason: 'max_tokens' })
      continue
    }
    left -= countTokens(cut)
    // The passage would be returned, and count, a second time.
    kept.push({ ...hit, content: cut, passage: null, truncated: cut !== hit.content })
  }
  return { hits: kept, dropped }
}

async function firstFitting(texts: (string | null)[], maxTokens: number): Promise<string | null> {
  for (const text of texts) {
    // A token is seldom more than a dozen characters: what is far too long need not be counted.
    if (text !== null && text.length <= maxTokens * 12 && countTokens(text) <= maxTokens) return text
  }
  return null
}
