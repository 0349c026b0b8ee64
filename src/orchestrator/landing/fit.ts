import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { assert } from '../../base/assert.ts'
import { droppedOf, type Format, jsonFormat, markdownFormat } from './formats.ts'
import { linesOf } from './lines.ts'
import type { Sections } from './sections.ts'
import type { LandingAnswer, LandingFormat, SectionError } from './types.ts'

/** Lines whose tokens are remembered: most are the same from one answer to the next. */
const COUNTED_MAX = 10_000
/** As many tokens as any time of this form: each group of digits is one. */
const SOME_TIME = '2026-11-20T13:55:56.123456Z'

const FORMATS: Record<LandingFormat, Format> = { json: jsonFormat, markdown: markdownFormat }

export interface Facts {
  sections: Partial<Sections>
  errors: SectionError[]
}

/** An answer that lacks only its time. */
export interface Fitted extends Omit<LandingAnswer, 'generatedAt' | 'content'> {
  /** The answer without its time, to compare and to keep. */
  timeless: unknown
  at(generatedAt: string): LandingAnswer
}

/** Fits facts into budgets. `countTokens` is linear in its text; counts of lines are remembered. */
export class Fitter {
  readonly #countTokens: (text: string) => number
  readonly #counted = new LRUCache<string, number>({ max: COUNTED_MAX })

  constructor(countTokens: (text: string) => number) {
    this.#countTokens = countTokens
  }

  /** The most useful lines that the budget holds, and how many it does not. Equal facts give equal bytes. */
  fit({ sections, errors }: Facts, format: LandingFormat, maxTokens: number): Fitted {
    const lines = linesOf(sections, errors)
    const { render, piece } = FORMATS[format]
    const make = (count: number, time: string) => {
      const dropped = droppedOf(lines.slice(count), maxTokens)
      return render(lines.slice(0, count), { sections, dropped, maxTokens }, time)
    }
    const pieces = lines.map(piece)
    let count = this.#prefix(pieces, maxTokens)
    // Where something must go, room for saying so is left at once: counting a whole answer is what takes long here.
    if (count < lines.length) count = this.#prefix(pieces, maxTokens - this.#tokensOf(make(0, SOME_TIME).text))
    let tokens = this.#countTokens(make(count, SOME_TIME).text)
    while (tokens > maxTokens && count > 0) {
      count = this.#fewer(pieces.slice(0, count), tokens - maxTokens)
      tokens = this.#countTokens(make(count, SOME_TIME).text)
    }
    assert(tokens <= maxTokens, `a landing context without lines has ${tokens} tokens`)
    const timeless = make(count, '').content
    const version = createHash('sha256').update(JSON.stringify(timeless)).digest('hex').slice(0, 16)
    return {
      timeless,
      version,
      tokens,
      at: (generatedAt) => ({ content: make(count, generatedAt).content, version, tokens, generatedAt }),
    }
  }

  /** How many of the first pieces have at most `max` tokens together. */
  #prefix(pieces: string[], max: number): number {
    let count = 0
    for (let sum = 0; count < pieces.length; count++) {
      sum += this.#tokensOf(pieces[count] as string)
      if (sum > max) break
    }
    return count
  }

  /** How many pieces are left when the last ones that make `excess` tokens go; one fewer at least. */
  #fewer(pieces: string[], excess: number): number {
    let count = pieces.length
    for (let gone = 0; count > 0 && gone < excess; count--) gone += this.#tokensOf(pieces[count - 1] as string)
    return count
  }

  #tokensOf(text: string): number {
    const known = this.#counted.get(text)
    if (known !== undefined) return known
    const tokens = this.#countTokens(text)
    this.#counted.set(text, tokens)
    return tokens
  }
}
