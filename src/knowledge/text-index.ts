import { identifierTokens } from './text/identifiers.ts'

/**
 * Bytes of text whose words are indexed, from the start of an item. A tsvector ends at 1 MiB of lexemes and positions;
 * text of nothing but distinct short words stays below it at this size. Later text is found through its vectors.
 */
const LEXICAL_BYTES_MAX = 200_000
/** The same for identifiers, which are indexed whole besides: letters of three bytes make long paths very long. */
const IDENTIFIER_BYTES_MAX = 400_000

/** Text and identifiers of which a tsvector is made. */
export interface LexicalText {
  text: string
  /** Whole, lower case. */
  identifiers: string[]
}

/**
 * What the lexical arm knows of an item: running text for the `english` configuration and whole identifiers, kept as
 * they are. The title counts twice, as a word in a title says more than one in the text.
 */
export function lexicalOf(title: string | null, content: string): LexicalText {
  const head = content.slice(0, LEXICAL_BYTES_MAX)
  const { whole, parts } = identifierTokens(title ? `${title}\n${head}` : head)
  const text = [title, title, head, parts.join(' ')].filter(Boolean).join('\n')
  return { text: truncateUtf8(text, LEXICAL_BYTES_MAX), identifiers: firstWithin(whole, IDENTIFIER_BYTES_MAX) }
}

/**
 * Chunks with what the lexical arm knows of each, its headings counting like a title. Null for the only chunk of an item,
 * which says what the item says, and beyond the text whose words are indexed.
 */
export function passagesOf<C extends { start: number; end: number; heading: string | null }>(
  content: string,
  chunks: readonly C[],
): (C & { lexical: LexicalText | null })[] {
  return chunks.map((chunk) => {
    const { start, end, heading } = chunk
    const isPassage = chunks.length > 1 && start < LEXICAL_BYTES_MAX
    return { ...chunk, lexical: isPassage ? lexicalOf(heading, content.slice(start, end)) : null }
  })
}

function firstWithin(words: string[], bytesMax: number): string[] {
  let bytes = 0
  const end = words.findIndex((word) => {
    bytes += Buffer.byteLength(word)
    return bytes > bytesMax
  })
  return end === -1 ? words : words.slice(0, end)
}

function truncateUtf8(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length <= bytesMax) return text
  let end = bytesMax
  // A byte of the form 10xxxxxx goes on with a character begun before it.
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}
