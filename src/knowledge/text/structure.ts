import { pieceEnd } from './tokens.ts'

/**
 * How good a place to cut is, worst first: right behind a heading, inside a sentence or behind a label, between sentences
 * or lines, between blocks, in front of a heading.
 */
export const CUT = { behindHeading: 0, inside: 1, sentence: 2, block: 3, heading: 4 } as const

export type Cut = (typeof CUT)[keyof typeof CUT]

/** A piece of text that a chunk holds whole where it fits: a heading, a sentence, a list item, a line, a code block. */
export interface Unit {
  /** Offsets in code units; neither end is blank. */
  start: number
  end: number
  /** How good it is to cut in front of it. */
  cut: Cut
  /** Titles of the headings it stands under, outermost first; one array for all units of a section. */
  path: readonly string[]
}

/** Shorter sentences and lines (`1.`, `}`) stay with what follows. */
export const UNIT_CHARS_MIN = 24

/** A one-line paragraph of at most this length without an end of sentence (`Result:`, a defined term) is a label. */
const LABEL_CHARS_MAX = 80

/** A heading's text is kept up to here in the heading paths of chunks. */
const HEADING_CHARS_MAX = 200

const NO_PATH: readonly string[] = []

const ATX_HEADING = /^ {0,3}(#{1,6})[ \t]+(?=\S)/
const UNDERLINE = /^ {0,3}(?:=+|-+)[ \t\r]*$/
const FENCE = /^[ \t]*(`{3,}|~{3,})/
/** A list item, a table row, a quotation: a line that does not run on from the one before it. */
const OWN_LINE = /^[ \t]*(?:[|>]|[-*+][ \t]|\d{1,9}[.)][ \t])/
/** An end of sentence; not where a small letter follows (`e.g. this`). Only one mark, as a run of them is quadratic. */
const SENTENCE_END = /[.!?…]["'”’)\]]{0,3}\s+(?![\s\p{Ll}])|[。！？]\s*/gu

/**
 * Hands on the units of Markdown or plain text, in order; together they hold all that is not blank. One pass over the
 * lines, linear in the length of the text.
 */
export function scanMarkdown(text: string, emit: (unit: Unit) => void): void {
  const scan = new MarkdownScan(text, emit)
  eachLine(text, 0, text.length, (start, end) => scan.take(start, end))
  scan.finish()
}

/** The units of source code: lines; one that begins at the margin behind an empty line begins a block. */
export function scanCode(text: string, emit: (unit: Unit) => void): void {
  let blankBefore = true
  eachLine(text, 0, text.length, (start, end) => {
    const at = firstInk(text, start, end)
    if (at < end) {
      const cut = blankBefore && at === start ? CUT.block : CUT.sentence
      emit({ start: at, end: lastInk(text, at, end), cut, path: NO_PATH })
    }
    blankBefore = at === end
  })
}

/** Hands on the lines of a unit that is too large, as units of its section. */
export function scanLines(text: string, { start: from, end: to, cut, path }: Unit, emit: (unit: Unit) => void): void {
  eachLine(text, from, to, (start, end) => {
    const at = firstInk(text, start, end)
    if (at < end) emit({ start: at, end: lastInk(text, at, end), cut: at === from ? cut : CUT.sentence, path })
  })
}

interface Fence {
  mark: string
  start: number
  end: number
}

/** The state of one pass over a Markdown text: what is open (a paragraph, a fence) and which headings are in force. */
class MarkdownScan {
  private readonly text: string
  private readonly emit: (unit: Unit) => void
  private headings: { level: number; title: string }[] = []
  private path = NO_PATH
  private paragraph: { start: number; end: number; lines: number; cut: Cut } | undefined
  private behindHeading = false
  private behindLabel = false
  private fence: Fence | undefined

  constructor(text: string, emit: (unit: Unit) => void) {
    this.text = text
    this.emit = emit
  }

  finish(): void {
    this.endParagraph()
    this.endFence()
  }

  take(start: number, end: number): void {
    const at = firstInk(this.text, start, end)
    if (this.fence) this.takeFenced(this.fence, start, end)
    else if (at === end) this.endParagraph()
    else if (maybeMarked(this.text.charCodeAt(at))) this.takeMarked(start, at, end, this.text.slice(start, end))
    else this.extendParagraph(at, end, this.isIndented(start, at))
  }

  private takeFenced(fence: Fence, start: number, end: number): void {
    const at = firstInk(this.text, start, end)
    if (at < end) fence.end = end
    if (this.text.startsWith(fence.mark, at) && /^(?:`+|~+)$/.test(this.text.slice(at, end).trimEnd())) this.endFence()
  }

  private takeMarked(start: number, at: number, end: number, line: string): void {
    const mark = FENCE.exec(line)?.[1]
    const level = ATX_HEADING.exec(line)?.[1]?.length
    if (mark) {
      this.endParagraph()
      this.fence = { mark, start: at, end }
    } else if (level) {
      this.endParagraph()
      this.addHeading(level, at, end)
    } else if (UNDERLINE.test(line) && (this.paragraph?.lines ?? 0) <= 1) {
      this.addUnderline(at, end, line)
    } else {
      this.extendParagraph(at, end, OWN_LINE.test(line) || this.isIndented(start, at))
    }
  }

  /** A heading of the line above it; a ruler where there is none. */
  private addUnderline(start: number, end: number, line: string): void {
    const title = this.paragraph
    this.paragraph = undefined
    if (title) this.addHeading(line.includes('=') ? 1 : 2, title.start, end)
    else this.add(start, lastInk(this.text, start, end), CUT.block)
  }

  /** Indented as code or as part of a list: a line of its own. */
  private isIndented(start: number, at: number): boolean {
    return at - start >= 4 || this.text[start] === '\t'
  }

  private endFence(): void {
    if (this.fence) this.add(this.fence.start, lastInk(this.text, this.fence.start, this.fence.end), CUT.block)
    this.fence = undefined
  }

  private addHeading(level: number, start: number, end: number): void {
    const [line = ''] = this.text.slice(start, pieceEnd(this.text, start, end, HEADING_CHARS_MAX)).split('\n', 1)
    const title = line
      .replace(/^#+/, '')
      .replace(/\s#+\s*$/, '')
      .trim()
    this.headings = [...this.headings.filter((heading) => heading.level < level), { level, title }]
    this.path = this.headings.map((heading) => heading.title)
    this.add(start, lastInk(this.text, start, end), CUT.heading)
    this.behindHeading = true
  }

  private extendParagraph(start: number, end: number, ownLine: boolean): void {
    const open = this.paragraph
    if (open && !(ownLine && start - open.start >= UNIT_CHARS_MIN)) {
      open.end = end
      open.lines += 1
      return
    }
    this.endParagraph()
    this.paragraph = { start, end, lines: 1, cut: open ? CUT.sentence : CUT.block }
  }

  /** Adds the sentences of the open paragraph. */
  private endParagraph(): void {
    if (!this.paragraph) return
    const { start, end, lines, cut } = this.paragraph
    this.paragraph = undefined
    const text = this.text.slice(start, end)
    const isLabel = lines === 1 && text.length <= LABEL_CHARS_MAX && !/[.!?|]\s*$/.test(text)
    let from = 0
    for (const { 0: mark, index } of text.matchAll(SENTENCE_END)) {
      const to = index + mark.length
      if (to - from < UNIT_CHARS_MIN || to === text.length) continue
      this.add(start + from, lastInk(this.text, start + from, start + to), from === 0 ? cut : CUT.sentence)
      from = to
    }
    this.add(start + from, lastInk(this.text, start + from, end), from === 0 ? cut : CUT.sentence)
    this.behindLabel = isLabel && cut === CUT.block
  }

  private add(start: number, end: number, place: Cut): void {
    const cut = this.behindLabel && place === CUT.block ? CUT.inside : place
    this.emit({ start, end, cut: this.behindHeading ? CUT.behindHeading : cut, path: this.path })
    this.behindHeading = false
    this.behindLabel = false
  }
}

/** Calls `take` with the offsets of each line, without its `\n`, between two offsets. */
function eachLine(text: string, from: number, to: number, take: (start: number, end: number) => void): void {
  for (let start = from; start < to; ) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 || newline > to ? to : newline
    take(start, end)
    start = end + 1
  }
}

/** True for the first characters of the lines that structure: `#`, fences, underlines, lists, tables, quotations. */
function maybeMarked(code: number): boolean {
  return '#`~=-*+|>0123456789'.includes(String.fromCharCode(code))
}

function firstInk(text: string, start: number, end: number): number {
  let at = start
  while (at < end && isBlank(text.charCodeAt(at))) at += 1
  return at
}

function lastInk(text: string, start: number, end: number): number {
  let at = end
  while (at > start && isBlank(text.charCodeAt(at - 1))) at -= 1
  return at
}

function isBlank(code: number): boolean {
  return code < 0x80 ? code === 32 || (code >= 9 && code <= 13) : /\s/.test(String.fromCharCode(code))
}
