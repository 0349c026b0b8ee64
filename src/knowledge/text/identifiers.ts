/** The code-like words of a text, as documents and queries are both indexed by them. */
export interface Identifiers {
  /**
   * Lower-case identifiers, whole, each once: names, paths and the ends of paths one would type (`db/pool.ts`),
   * `#123`, hashes, error codes, versions, flags.
   */
  whole: string[]
  /** The words inside them, lower-case, in order of appearance: `getUserById` gives get, user, by, id. */
  parts: string[]
}

const WHOLE_MAX = 2_000
const PARTS_MAX = 8_000

/** Longer runs are data (base64, minified code), not names. */
const RUN_CHARS_MAX = 200

/** Ends of a path or dotted name that count as identifiers of their own: the last segment, the last two, … */
const TAIL_SEGMENTS_MAX = 3

/** Characters of an abbreviated hash, as git prints it; both a full hash and a longer abbreviation yield it. */
const SHORT_HASH_CHARS = 7

/**
 * Runs of what identifiers are made of. Letters of scripts with spaces between words only, so that `使用getUserById函数`
 * yields the name. One character class: linear on any input.
 */
const RUNS = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}_#@\-./\\:]+(?:\+\+)?/gu

/** Punctuation around a run that is the sentence's, not the name's. A leading `-`, `#`, `@`, `/`, `.` or `_` may matter. */
const LEADING = /^(?::|\.{2,}(?![\\/]))+/
const TRAILING = /[.:\-/\\@#+]+$/

/** `C#`, `C++`: names that end in punctuation. */
const LANGUAGE = /^\p{L}(?:#|\+\+)$/u

/** `src/pool.ts:42:7`, as compilers and stack traces write positions. */
const POSITION = /(?::\d+){1,2}$/

/** What tells an identifier from a word or number of running text. */
const SHAPES = [
  LANGUAGE,
  /^#\d+$/, // issue
  /^--\p{L}/u, // flag
  /[\p{L}\p{N}]_|_[\p{L}\p{N}]/u, // snake_case, __init__, ENV_NAME
  /\p{Ll}\p{Lu}|\p{Lu}{2}\p{Ll}/u, // camelCase, HTTPServer
  /^(?=.*\p{L}).*\p{N}/u, // E11000, utf8, deadbeef12, v1.2.3, proj-123
  /\p{L}[\p{L}\p{N}]+\.[\p{L}\p{N}]|^\.\p{L}/u, // pool.ts, foo.bar.Baz, .env; not e.g
  /\d\.\d+\.\d/, // 1.2.3
  /::/, // A::b
  /^\d{5,}$/, // 40001
]

/** Nearly all of running text, which none of the shapes fits: one look instead of a dozen. */
const PLAIN_WORD = /^[A-Za-z][a-z]*[.:]?$/

/** Words of a name: split at signs and capitals, not between letters and digits (`E11000`, `utf8`, hashes). */
const WORDS = /\p{Lu}+(?!\p{Ll})\p{N}*|\p{N}*\p{Lu}?\p{Ll}[\p{Ll}\p{N}]*|[\p{Lo}\p{N}]+/gu

/**
 * Finds the identifiers of a text: `snake_case`, camelCase, names with digits (`E11000`, `utf8`, `proj-123`), paths,
 * file names, dotted and `::` names, `#123`, hex hashes, versions, `--flags`, `@scope/package`. Deterministic, linear;
 * at most 2,000 whole and 8,000 parts, the first of the text.
 */
export function identifierTokens(text: string): Identifiers {
  const found = new Found()
  for (const { 0: run } of text.normalize('NFC').matchAll(RUNS)) {
    if (run.length > RUN_CHARS_MAX || PLAIN_WORD.test(run)) continue
    addRun(run, found)
    if (found.isFull) break
  }
  return { whole: [...found.whole], parts: found.parts }
}

class Found {
  readonly whole = new Set<string>()
  readonly parts: string[] = []

  get isFull(): boolean {
    return this.whole.size >= WHOLE_MAX && this.parts.length >= PARTS_MAX
  }

  addWhole(name: string): void {
    if (this.whole.size < WHOLE_MAX) this.whole.add(name.toLowerCase())
  }

  /** The words of `name` (letters alone say nothing), unless it is a single word, which the running text holds already. */
  addParts(name: string): void {
    const words = name.match(WORDS)
    if (!words || words.length < 2) return
    for (const word of words) {
      if (word.length > 1 && this.parts.length < PARTS_MAX) this.parts.push(word.toLowerCase())
    }
  }
}

function addRun(run: string, found: Found): void {
  const name = trimmed(run)
  const schemeEnd = name.indexOf('://')
  if (schemeEnd >= 0) addPath(name.slice(schemeEnd + 3), found)
  else if (/^[A-Za-z]:[\\/]/.test(name)) addPath(name, found)
  else if (/[\\/]/.test(name)) addPath(name.replace(POSITION, ''), found)
  // `key:value`, `name:12`: one colon separates, two belong to the name.
  else for (const word of name.split(/(?<!:):(?!:)/)) addWord(trimmed(word), found)
}

function trimmed(run: string): string {
  const name = run.replace(LEADING, '')
  return LANGUAGE.test(name) ? name : name.replace(TRAILING, '')
}

/** A path, URL or scoped package, with `/` for `\`. */
function addPath(raw: string, found: Found): void {
  const path = raw.replaceAll('\\', '/').replace(/^(?:\.{1,2}\/)+/, '')
  const issue = /#\d+$/.exec(path)
  if (issue) found.addWhole(issue[0])
  const segments = path.split('/').filter((segment) => segment !== '')
  if (segments.length === 0) return
  if (segments.length > 1) found.addWhole(path)
  for (let count = 2; count <= TAIL_SEGMENTS_MAX && count <= segments.length; count += 1) {
    found.addWhole(segments.slice(-count).join('/'))
  }
  const last = segments.at(-1) as string
  if (isIdentifier(last)) addName(last, found)
  if (segments.length > 1) found.addParts(path)
}

function addWord(word: string, found: Found): void {
  if (!isIdentifier(word)) return
  addName(word, found)
  found.addParts(word)
}

/** Whether a run without slashes is more than a word or a number of running text. */
function isIdentifier(word: string): boolean {
  return word.length > 1 && SHAPES.some((shape) => shape.test(word))
}

/** A name without slashes: whole, its ends, and the spellings under which it is looked for. */
function addName(name: string, found: Found): void {
  found.addWhole(name)
  if (name.startsWith('--')) found.addWhole(name.slice(2))
  if (/^v\d+(?:\.\d+)+/.test(name)) found.addWhole(name.slice(1))
  if (/^(?=.*\d)(?=.*[a-f])[0-9a-f]{8,64}$/i.test(name)) found.addWhole(name.slice(0, SHORT_HASH_CHARS))
  const [head, version] = name.split(/@(?=v?\d)/)
  if (head && version) {
    found.addWhole(head)
    found.addWhole(version)
  }
  addTails(name, found)
}

/** The ends of a dotted or `::` name that are identifiers themselves: `bar.Baz` and, as of `foo.getUser`, `getUser`. */
function addTails(name: string, found: Found): void {
  if (/^v?\d+\./.test(name)) return
  const separator = name.includes('::') ? '::' : '.'
  const segments = name.split(separator).filter((segment) => segment !== '')
  for (let count = 1; count <= TAIL_SEGMENTS_MAX && count < segments.length; count += 1) {
    const tail = segments.slice(-count).join(separator)
    if (isIdentifier(tail)) found.addWhole(tail)
  }
}
