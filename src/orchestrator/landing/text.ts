/** Everything that moves a cursor, ends a line or is not seen: control and format characters, separators, halves of pairs. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Surrogate}\s]+/gu
/** Characters that could end a quotation or begin markup, and what stands for them. */
const STAND_INS: Record<string, string> = {
  ...standIns('"“”„‟″‶〝〞＂`´', "'"),
  ...standIns('<＜', '‹'),
  ...standIns('>＞', '›'),
  ...standIns('[［', '('),
  ...standIns(']］', ')'),
}
const MARKUP = new RegExp(
  `[${Object.keys(STAND_INS)
    .join('')
    .replace(/[\]\\^-]/g, '\\$&')}]`,
  'gu',
)
/** `&quot;` would become a quotation mark where Markdown is rendered. */
const ENTITY = /&(?=#?\w+;)/g
const BARE_NAME = /^[\w.:@/+-]{1,80}$/

function standIns(characters: string, by: string): Record<string, string> {
  return Object.fromEntries([...characters].map((character) => [character, by]))
}

/**
 * Stored text as one line of at most `charsMax` characters that can neither leave a quotation nor pass for markup:
 * quotation marks, angle and square brackets and backticks become look-alikes, whatever is invisible a blank.
 */
export function plain(text: string, charsMax: number): string {
  // Enough of a long text that blanks may shrink; the rest need not be looked at.
  const line = text
    .slice(0, charsMax * 4)
    .replace(INVISIBLE, ' ')
    .trim()
    .replace(MARKUP, (character) => STAND_INS[character] ?? ' ')
    .replace(ENTITY, '& ')
  return cut(line, charsMax, text.length > charsMax * 4).replace(/\\+$/, '')
}

function cut(line: string, charsMax: number, wasCut: boolean): string {
  if (line.length <= charsMax && !wasCut) return line
  return `${line.slice(0, charsMax - 1).replace(/[\ud800-\udbff]$/, '')}…`
}

/** {@link plain} text in quotation marks. */
export function quoted(text: string): string {
  return `"${text}"`
}

/** A name as it is where it cannot be taken for anything else, quoted where it could. */
export function named(name: string): string {
  return BARE_NAME.test(name) ? name : quoted(name)
}
