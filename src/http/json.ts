import { TurboError } from '../base/errors.ts'

/** Deeper JSON than this is an attack or a bug; our own shapes need five levels, a user's metadata 32. */
const DEPTH_MAX = 64

/**
 * Parses JSON of a request.
 *
 * @throws TurboError `invalid_input` saying where the text stops being JSON, or that it is nested too deeply.
 */
export function parseJson(text: string): unknown {
  if (isDeeperThan(text, DEPTH_MAX)) {
    throw new TurboError('invalid_input', `the JSON is nested deeper than ${DEPTH_MAX} levels`)
  }
  try {
    return JSON.parse(text)
  } catch {
    // The engine's message quotes the text and mostly lacks the position, so that it is looked for here instead.
    const at = firstErrorIn(text)
    const before = text.slice(0, at)
    const line = before.split('\n').length
    const column = at - before.lastIndexOf('\n')
    throw new TurboError('invalid_input', `the body is not JSON: position ${at}, line ${line}, column ${column}`, {
      next: 'Send one JSON value as specified by RFC 8259, in UTF-8.',
    })
  }
}

/** Counts brackets outside strings. Runs before the parser, so that depth costs no memory. */
function isDeeperThan(text: string, max: number): boolean {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === QUOTE) i = endOfString(text, i)
    else if (char === OPEN_BRACE || char === OPEN_BRACKET) depth++
    else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth--
    if (depth > max) return true
  }
  return false
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** Index of the quote that closes the string opened at `start`; the length of the text when none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end
  }
  return text.length
}

const SPACE = /[ \t\n\r]*/y
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\d.a-zA-Z])/y
const BAD_IN_STRING = /[^\\\u0020-\uffff]|\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})/
const ESCAPE_PAIR = /\\\\/g

/** What the grammar of RFC 8259 allows at a place. */
type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma or end'

/** Position of the first character that makes `text` no JSON. Only for messages: slower than the parser, but linear. */
function firstErrorIn(text: string): number {
  const open: string[] = []
  let expected: Expected = 'value'
  let at = skip(SPACE, text, 0)
  while (at < text.length) {
    const char = text.charAt(at)
    const next = afterPunctuation(char, expected, open)
    if (next !== null) {
      expected = next
      at++
    } else {
      if (expected === 'colon' || expected === 'comma or end') return at
      const token = endOfToken(text, at, expected)
      if (token.error) return token.at
      if (char === '{' || char === '[') open.push(char)
      expected = afterToken(char, expected)
      at = token.at
    }
    at = skip(SPACE, text, at)
  }
  return at
}

/** What may follow the comma, colon or closing bracket `char`; null when it is none, or none that may stand here. */
function afterPunctuation(char: string, expected: Expected, open: string[]): Expected | null {
  if (expected === 'colon') return char === ':' ? 'value' : null
  const top = open.at(-1)
  if (char === ',' && expected === 'comma or end' && top !== undefined) return top === '{' ? 'key' : 'value'
  const closes = (char === '}' && top === '{') || (char === ']' && top === '[')
  const mayClose = expected === 'comma or end' || expected === 'value or ]' || expected === 'key or }'
  if (!closes || !mayClose) return null
  open.pop()
  return 'comma or end'
}

function afterToken(char: string, expected: Expected): Expected {
  if (char === '{') return 'key or }'
  if (char === '[') return 'value or ]'
  return expected.startsWith('key') ? 'colon' : 'comma or end'
}

function endOfToken(text: string, at: number, expected: Expected): { at: number; error: boolean } {
  const char = text.charAt(at)
  if (char === '"') return endOfGoodString(text, at)
  if (expected.startsWith('key')) return { at, error: true }
  if (char === '{' || char === '[') return { at: at + 1, error: false }
  const end = skip(SCALAR, text, at)
  return { at: end, error: end === at }
}

function endOfGoodString(text: string, start: number): { at: number; error: boolean } {
  const end = endOfString(text, start)
  // An escaped backslash is two harmless characters of the same length.
  const bad = text
    .slice(start + 1, end)
    .replace(ESCAPE_PAIR, '  ')
    .search(BAD_IN_STRING)
  if (bad !== -1) return { at: start + 1 + bad, error: true }
  return end < text.length ? { at: end + 1, error: false } : { at: end, error: true }
}

/** Where `pattern` (sticky) ends when it matches at `at`; `at` when it does not. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}
