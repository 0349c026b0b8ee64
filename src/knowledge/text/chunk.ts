import { assert } from '../../base/assert.ts'
import { CUT, type Cut, scanCode, scanLines, scanMarkdown, UNIT_CHARS_MIN, type Unit } from './structure.ts'
import { countTokens, pieceEnd } from './tokens.ts'

/** A passage of a text, small enough for one vector. */
export interface Chunk {
  /** Position among the chunks of its text, from 0. */
  index: number
  /** `text.slice(start, end)` of the chunked text. */
  text: string
  start: number
  end: number
  /** Headings it stands under, ` > ` between them; null where there are none. */
  heading: string | null
}

export interface ChunkLimits {
  /** Most tokens (cl100k_base) of a chunk's text, at least {@link CHUNK_TOKENS_MIN}. */
  maxTokens: number
  /** Most tokens of whole sentences repeated from the chunk before; at most half of `maxTokens`. */
  overlapTokens: number
}

/** `code`: lines, no headings. `markdown` is right for plain text as well. */
export type ChunkFormat = 'markdown' | 'code'

/** The smallest `maxTokens`: every piece of four code units fits, whatever it holds. */
export const CHUNK_TOKENS_MIN = 16

/** A chunk that does not hold all the rest ends at the best cut behind this share of its tokens. */
const FILL_MIN = 0.5

/** Longest piece of a unit that is itself larger than a chunk; smaller for small chunks. */
const PIECE_CHARS_MAX = 64

/** Above this many characters a token a unit is too large without being counted: code and prose have three to five. */
const UNIT_CHARS_PER_TOKEN_MAX = 16

/** Up to this many characters a token a text is counted as a whole first: most items are a single chunk. */
const WHOLE_CHARS_PER_TOKEN_MAX = 5

/** Blocks shorter than this mean nothing alone. */
const TINY_CHARS_MAX = 8

/** A unit that fits in a chunk, and what it costs. */
interface Atom extends Unit {
  tokens: number
  /** Tokens of the blank space in front of it, estimated; chunks are counted exactly in the end. */
  gapTokens: number
}

/**
 * Cuts `text` into chunks by its structure: in front of headings, else between blocks, sentences, words. Code blocks
 * stay whole where they fit. Together the chunks hold all that is not blank, each overlapping the one before by whole
 * sentences of the same section; no surrogate pair is split. Deterministic, linear in the length of the text.
 */
export function chunkText(text: string, limits: ChunkLimits, format: ChunkFormat = 'markdown'): Chunk[] {
  const { maxTokens, overlapTokens } = limits
  assert(maxTokens >= CHUNK_TOKENS_MIN, `maxTokens is at least ${CHUNK_TOKENS_MIN}`)
  assert(overlapTokens >= 0 && overlapTokens <= maxTokens / 2, 'overlapTokens is at most half of maxTokens')
  const whole = wholeOf(text, format, maxTokens)
  if (whole) return whole
  const atoms = atomsOf(text, format, maxTokens, countTokens)
  const chunks: Chunk[] = []
  let first = 0
  for (let next = 0; next < atoms.length; ) {
    first = overlapStart(atoms, first, next, limits)
    let end = chooseEnd(atoms, first, next, maxTokens)
    let body = bodyOf(text, atoms, first, end)
    // The sum of the parts is an upper bound in all but rare texts: there the chunk gives back what is too much.
    while (!fits(body, maxTokens)) {
      if (end > next + 1) end -= 1
      else first = next
      body = bodyOf(text, atoms, first, end)
    }
    const start = at(atoms, first).start
    chunks.push({
      index: chunks.length,
      text: body,
      start,
      end: start + body.length,
      heading: headingOf(atoms, next, end),
    })
    next = end
  }
  return chunks
}

/** A token is at least one byte: most notes are known to fit without being counted, which takes a hundred times as long. */
function fits(text: string, maxTokens: number): boolean {
  return Buffer.byteLength(text) <= maxTokens || countTokens(text) <= maxTokens
}

/** The one chunk of a text that fits in it, counted once at most; none for a blank text; null where several are needed. */
function wholeOf(text: string, format: ChunkFormat, maxTokens: number): Chunk[] | null {
  if (text.length > maxTokens * WHOLE_CHARS_PER_TOKEN_MAX) return null
  const atoms = atomsOf(text, format, maxTokens, () => 0)
  if (atoms.length === 0) return []
  const body = bodyOf(text, atoms, 0, atoms.length)
  if (!fits(body, maxTokens)) return null
  const { start } = at(atoms, 0)
  const heading = headingOf(atoms, 0, atoms.length)
  return [{ index: 0, text: body, start, end: start + body.length, heading }]
}

/** Units with their costs; those larger than a chunk in pieces: a code block in lines, what is still too large in words. */
function atomsOf(text: string, format: ChunkFormat, maxTokens: number, count: typeof countTokens): Atom[] {
  const atoms: Atom[] = []
  const push = (unit: Unit, tokens: number) => {
    const before = atoms.at(-1)
    if (before && joins(before, unit)) {
      const joined = count(text.slice(before.start, unit.end))
      if (joined <= maxTokens) {
        before.end = unit.end
        before.tokens = joined
        return
      }
    }
    const { start, end, cut, path } = unit
    const gap = start - (before?.end ?? start)
    // A single blank belongs to the token behind it, a short gap is one token, no gap is more tokens than characters.
    atoms.push({ start, end, cut, path, tokens, gapTokens: gap <= 1 ? gap : gap <= 8 ? 1 : gap })
  }
  const add = (unit: Unit, tooLarge: (unit: Unit) => void) => {
    const { start, end } = unit
    const tokens = end - start > maxTokens * UNIT_CHARS_PER_TOKEN_MAX ? Infinity : count(text.slice(start, end))
    if (tokens <= maxTokens) push(unit, tokens)
    else tooLarge(unit)
  }
  const inPieces = (line: Unit) => {
    for (const piece of piecesOf(text, line, maxTokens)) push(piece, count(text.slice(piece.start, piece.end)))
  }
  const inLines = (unit: Unit) => scanLines(text, unit, (line) => add(line, inPieces))
  const scan = format === 'code' ? scanCode : scanMarkdown
  scan(text, (unit) => add(unit, inLines))
  return atoms
}

/** Tiny neighbours are one atom: a million one-letter paragraphs need not be a million objects. */
function joins(before: Atom, { start, end, cut, path }: Unit): boolean {
  const charsMax = cut === CUT.block ? TINY_CHARS_MAX : UNIT_CHARS_MIN
  return (
    before.path === path &&
    cut !== CUT.heading &&
    before.cut !== CUT.heading &&
    end - start < charsMax &&
    before.end - before.start < charsMax &&
    start - before.end <= 2
  )
}

/** Pieces that fit whatever they hold: a code unit is at most three bytes, and a token at least one byte. */
function* piecesOf(text: string, unit: Unit, maxTokens: number): Generator<Unit> {
  const charsMax = Math.min(PIECE_CHARS_MAX, Math.floor(maxTokens / 4))
  let cut: Cut = unit.cut
  for (let start = unit.start; start < unit.end; ) {
    const end = pieceEnd(text, start, unit.end, charsMax)
    const ink = text.slice(start, end).trimStart()
    if (ink !== '') {
      yield { start: end - ink.length, end: end - ink.length + ink.trimEnd().length, cut, path: unit.path }
      cut = CUT.inside
    }
    start = end
  }
}

/**
 * Where the chunk whose own atoms begin at `next` starts, so as to repeat the last sentences of the chunk before, which
 * began at `previousFirst`: not across a heading, not that whole chunk, and leaving room for the atom at `next`.
 */
function overlapStart(atoms: Atom[], previousFirst: number, next: number, limits: ChunkLimits): number {
  const { cut, gapTokens, tokens } = at(atoms, next)
  if (next === 0 || cut === CUT.heading) return next
  const room = Math.min(limits.overlapTokens, limits.maxTokens - tokens - gapTokens)
  let start = next
  let cost = 0
  for (let back = next - 1; back > previousFirst; back -= 1) {
    const atom = at(atoms, back)
    cost += atom.tokens + (back === next - 1 ? 0 : at(atoms, back + 1).gapTokens)
    if (cost > room || atom.cut === CUT.heading) break
    if (atom.cut >= CUT.sentence) start = back
  }
  return start
}

/** The end (exclusive) of the chunk `[first, …)`: all that fits, given back to the best cut in its second half. */
function chooseEnd(atoms: Atom[], first: number, next: number, maxTokens: number): number {
  let cost = at(atoms, first).tokens
  let best = next + 1
  let bestCut = -1
  for (let end = first + 1; ; end += 1) {
    const atom = atoms[end]
    if (!atom) return end
    // A poor cut in the first half is still better than one right behind a heading.
    const cut = cost >= maxTokens * FILL_MIN ? atom.cut + CUT.heading : Math.min(atom.cut, CUT.inside)
    const rank = atom.cut === CUT.behindHeading ? -1 : cut
    if (end > next && rank >= bestCut) {
      best = end
      bestCut = rank
    }
    cost += atom.gapTokens + atom.tokens
    if (cost > maxTokens && end > next) return best
  }
}

/** The headings that all atoms of `[from, to)` stand under. */
function headingOf(atoms: Atom[], from: number, to: number): string | null {
  let shared = at(atoms, from).path
  for (let i = from + 1; i < to; i += 1) {
    const { path } = at(atoms, i)
    if (path === shared) continue
    const differs = shared.findIndex((title, depth) => path[depth] !== title)
    if (differs >= 0) shared = shared.slice(0, differs)
  }
  return shared.length > 0 ? shared.join(' > ') : null
}

function bodyOf(text: string, atoms: Atom[], first: number, end: number): string {
  return text.slice(at(atoms, first).start, at(atoms, end - 1).end)
}

function at(atoms: Atom[], index: number): Atom {
  const atom = atoms[index]
  assert(atom, `atom ${index} of ${atoms.length}`)
  return atom
}
