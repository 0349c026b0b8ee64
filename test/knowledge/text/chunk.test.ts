import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Chunk, type ChunkFormat, chunkText } from '../../../src/knowledge/text/chunk.ts'
import { countTokens } from '../../../src/knowledge/text/tokens.ts'
import { anyText, processorSeconds } from './texts.ts'

const SMALL = { maxTokens: 32, overlapTokens: 0 }
const bodies = (text: string, limits = SMALL, format?: ChunkFormat) =>
  chunkText(text, limits, format).map((chunk) => chunk.text)

const paragraph = (about: string) => `This whole sentence is about ${about} and about nothing else at all.`

describe('whatever the text', () => {
  const limits = fc
    .tuple(fc.integer({ min: 16, max: 200 }), fc.double({ min: 0, max: 0.5, noNaN: true }))
    .map(([maxTokens, share]) => ({ maxTokens, overlapTokens: Math.floor(maxTokens * share) }))
  const format = fc.constantFrom<ChunkFormat>('markdown', 'code')

  test('chunks are slices in order, hold all that is not blank, and fit', () => {
    fc.assert(
      fc.property(anyText, limits, format, (text, given, kind) => {
        const chunks = chunkText(text, given, kind)
        let covered = 0
        for (const [index, chunk] of chunks.entries()) {
          expect(chunk.index).toBe(index)
          expect(chunk.text).toBe(text.slice(chunk.start, chunk.end))
          expect(chunk.text.trim()).not.toBe('')
          expect(/\p{Surrogate}/u.test(chunk.text + (chunk.heading ?? ''))).toBe(false)
          expect(countTokens(chunk.text)).toBeLessThanOrEqual(given.maxTokens)
          expect(chunk.end).toBeGreaterThan(covered)
          if (chunk.start > covered) expect(text.slice(covered, chunk.start).trim()).toBe('')
          covered = chunk.end
        }
        expect(text.slice(covered).trim()).toBe('')
      }),
      { numRuns: 300 },
    )
  })

  test('a chunk fits also where the whole has more tokens than its parts', () => {
    // Random letters as a linear congruential generator gives them: the parts of some chunks count one token less.
    for (const seed of [4, 15, 22, 23]) {
      let state = seed
      const letters = Array.from({ length: 4_000 }, () => {
        state = (state * 1_103_515_245 + 12_345) & 0x7fffffff
        return String.fromCharCode(97 + Math.floor((state / 0x7fffffff) * 26))
      })
      const chunks = chunkText(letters.join(''), { maxTokens: 100, overlapTokens: 0 })
      expect(chunks.filter((chunk) => countTokens(chunk.text) > 100)).toEqual([])
      expect(chunks.map((chunk) => chunk.text).join('')).toBe(letters.join(''))
    }
  })

  test('the same text gives the same chunks', () => {
    fc.assert(
      fc.property(anyText, limits, (text, given) => {
        expect(chunkText(text, given)).toEqual(chunkText(text, given))
      }),
    )
  })
})

test.each([
  ['no blanks', 'a'.repeat(5_000_000)],
  ['a million newlines', `a${'\n'.repeat(1_000_000)}b`],
  ['nothing but blanks', ' '.repeat(5_000_000)],
  ['short lines', 'a\n'.repeat(300_000)],
  ['a million full stops', '.'.repeat(1_000_000)],
  ['full stops and blanks', `.${' '.repeat(2_000)}a`.repeat(500)],
  ['headings only', '# a\n'.repeat(200_000)],
  ['a heading of a megabyte', `# ${'a '.repeat(500_000)}`],
  ['fences only', '```\n'.repeat(200_000)],
  ['Chinese', '漢字仮名交じり文'.repeat(125_000)],
])('megabytes are cut in linear time: %s', (_, text) => {
  // Linear work takes a second at most, quadratic work minutes.
  let chunks: Chunk[] = []
  const seconds = processorSeconds(() => {
    chunks = chunkText(text, { maxTokens: 256, overlapTokens: 32 })
  })
  for (const chunk of chunks) expect(countTokens(chunk.text) <= 256).toBe(true)
  expect(seconds).toBeLessThan(5)
})

describe('structure', () => {
  test('a text that fits is one chunk, blank text is none', () => {
    expect(bodies('\n# Title\n\nShort.\n')).toEqual(['# Title\n\nShort.'])
    expect(bodies(' \n\t\n')).toEqual([])
  })

  test('chunks begin at headings where they can, and carry the path of headings', () => {
    const text = `# Guide\n\n## Storage\n\n${paragraph('disks')}\n\n## Network\n\n${paragraph('cables')}\n\n### Ports\n\n${paragraph('ports')}`
    expect(chunkText(text, SMALL).map(({ heading, text: body }) => [heading, body.split('\n')[0]])).toEqual([
      ['Guide', '# Guide'],
      ['Guide > Network', '## Network'],
      ['Guide > Network > Ports', '### Ports'],
    ])
  })

  test('a chunk of several sections carries the headings they share', () => {
    const text = '# Guide\n\n## One\n\nFirst.\n\n## Two\n\nSecond.'
    expect(chunkText(text, SMALL).map((chunk) => chunk.heading)).toEqual(['Guide'])
    expect(chunkText('# A\n\nFirst.\n\n# B\n\nSecond.', SMALL)[0]?.heading).toBeNull()
  })

  test('underlined headings are headings, comments in fenced code are not', () => {
    const text = `Title\n=====\n\n${paragraph('x')}\n\n\`\`\`sh\n# not a heading\nls\n\`\`\`\n\n${paragraph('y')}`
    expect(new Set(chunkText(text, SMALL).map((chunk) => chunk.heading))).toEqual(new Set(['Title']))
  })

  test('a heading is never the last line of a chunk', () => {
    const text = Array.from({ length: 20 }, (_, i) => `## Part ${i}\n\n${paragraph(`part ${i}`)}`).join('\n\n')
    for (const maxTokens of [24, 32, 40, 64]) {
      for (const body of bodies(text, { maxTokens, overlapTokens: 0 })) {
        expect(body.split('\n').at(-1)).toMatch(/all\.$/)
      }
    }
  })

  test('a long heading is not the last line of a chunk either', () => {
    const title = `## ${'a very long heading '.repeat(4).trim()}`
    const text = `${'A few words before it.'}\n\n${title}\n\n${paragraph('what it announces')}`
    expect(bodies(text, { maxTokens: 36, overlapTokens: 0 }).map((body) => body.split('\n').at(-1))).toEqual([
      'A few words before it.',
      paragraph('what it announces'),
    ])
  })

  test('fenced code stays whole where it fits', () => {
    const code = '```ts\nconst a = 1\n\nconst b = 2\n```'
    const chunks = bodies(`${paragraph('a')} ${paragraph('b')}\n\n${code}\n\n${paragraph('c')}`)
    expect(chunks.length).toBeGreaterThan(1)
    expect(chunks.filter((body) => body.includes(code))).toHaveLength(1)
  })

  test('code that does not fit is cut between lines', () => {
    const lines = Array.from({ length: 40 }, (_, i) => `const value${i} = compute(${i})`)
    const chunks = bodies(`\`\`\`ts\n${lines.join('\n')}\n\`\`\``)
    expect(chunks.length).toBeGreaterThan(5)
    for (const line of chunks.flatMap((body) => body.split('\n'))) expect([...lines, '```ts', '```']).toContain(line)
  })

  test('source code is cut in front of what begins at the margin', () => {
    const method = (name: string) => `function ${name}() {\n  const first = 1\n\n  return first + 2\n}`
    const text = ['alpha', 'beta', 'gamma'].map(method).join('\n\n')
    expect(bodies(text, { maxTokens: 24, overlapTokens: 0 }, 'code')).toEqual(['alpha', 'beta', 'gamma'].map(method))
    expect(chunkText('# include\nx', SMALL, 'code')[0]?.heading).toBeNull()
  })

  test('paragraphs are cut between sentences, not behind abbreviations', () => {
    const text =
      'We tune a planner, e.g. its costs, for fast disks. Then we measure what it gained us. Then we stop and write it down.'
    expect(bodies(text, { maxTokens: 16, overlapTokens: 0 })).toEqual([
      'We tune a planner, e.g. its costs, for fast disks.',
      'Then we measure what it gained us.',
      'Then we stop and write it down.',
    ])
  })

  test('a defined term stays with its definition', () => {
    const text = ['one', 'two', 'three'].map((term) => `${term} (integer)\n\n${paragraph(term)}`).join('\n\n')
    for (const body of bodies(text, { maxTokens: 28, overlapTokens: 0 })) expect(body).toMatch(/^\w+ \(integer\)/)
  })
})

describe('overlap', () => {
  const sentences = Array.from({ length: 12 }, (_, i) => `Sentence number ${i} says something of its own.`)

  test('repeats the last whole sentences of the chunk before', () => {
    const chunks = bodies(sentences.join(' '), { maxTokens: 40, overlapTokens: 12 })
    for (const [index, body] of chunks.slice(1).entries()) {
      const repeated = body.slice(0, body.indexOf('.') + 1)
      expect(sentences).toContain(repeated)
      expect(chunks[index]?.endsWith(repeated)).toBe(true)
    }
  })

  test('repeats no part of a sentence', () => {
    const words = 'word '.repeat(300).trim()
    const chunks = bodies(words, { maxTokens: 40, overlapTokens: 20 })
    expect(chunks.length).toBeGreaterThan(5)
    expect(chunks.join(' ')).toBe(words)
  })

  test('repeats nothing where no sentence fits in it, nor across a heading', () => {
    expect(bodies(sentences.join(' '), { maxTokens: 40, overlapTokens: 4 }).join(' ')).toBe(sentences.join(' '))
    const sections = sentences.map((sentence, i) => `## H${i}\n\n${sentence} ${paragraph('it')}`).join('\n\n')
    expect(bodies(sections, { maxTokens: 36, overlapTokens: 18 }).join('\n\n')).toBe(sections)
  })
})

test('limits that cannot be kept are refused', () => {
  expect(() => chunkText('a', { maxTokens: 15, overlapTokens: 0 })).toThrow('at least 16')
  expect(() => chunkText('a', { maxTokens: 32, overlapTokens: 17 })).toThrow('at most half')
})
