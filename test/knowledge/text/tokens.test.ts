import fc from 'fast-check'
import { countTokens as reference } from 'gpt-tokenizer/encoding/cl100k_base'
import { expect, test } from 'vitest'
import { countTokens, truncateToTokens } from '../../../src/knowledge/text/tokens.ts'
import { anyText, processorSeconds } from './texts.ts'

const LONE_SURROGATE = /\p{Surrogate}/u

test('natural text is counted exactly as the tokenizer does', () => {
  const text =
    'SELECT city, (temp_hi+temp_lo)/2 AS temp_avg FROM weather;\n\n  -- averages, in °C: "warm" or ‘cold’?\n'.repeat(9)
  expect(countTokens(text)).toBe(reference(text))
  expect(countTokens('')).toBe(0)
})

test('words of the chat protocol are text', () => {
  expect(countTokens('<|endoftext|>')).toBeGreaterThan(1)
})

test.each([
  ['a letter', 'a'],
  ['newlines', '\n'],
  ['blanks', ' '],
  ['Chinese', '漢字仮名交じり文'],
  ['emoji', '👩‍👩‍👧'],
  ['punctuation', '.'],
])('a megabyte without a word boundary is counted in linear time: %s', (_, unit) => {
  // The tokenizer alone takes minutes for each.
  const text = unit.repeat(1_000_000 / unit.length)
  expect(countTokens(text)).toBeGreaterThan(1_000)
  expect(countTokens(truncateToTokens(text, 500))).toBeLessThanOrEqual(500)
})

test('counting is as fast after a hundred thousand distinct words as before', () => {
  // The tokenizer's own cache of merges, once full, takes 0.1 ms a word.
  const distinct = Array.from({ length: 120_000 }, (_, i) => `zq${i.toString(36).replace(/\d/g, 'x')}v${i}`).join(' ')
  expect(countTokens(distinct)).toBeGreaterThan(120_000)
  const seconds = processorSeconds(() => {
    for (let i = 0; i < 50_000; i += 1) countTokens('```\n```')
  })
  expect(seconds).toBeLessThan(1.5)
})

test('a long stretch costs little more than counted whole', () => {
  const text = `before ${'abcdefghij'.repeat(100)} after`
  expect(countTokens(text)).toBeGreaterThanOrEqual(reference(text))
  expect(countTokens(text)).toBeLessThan(reference(text) * 1.1)
})

test('truncation gives a beginning that fits, uses the budget and splits no character', () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 4, max: 100 }), (text, max) => {
      const cut = truncateToTokens(text, max)
      expect(text.startsWith(cut)).toBe(true)
      expect(countTokens(cut)).toBeLessThanOrEqual(max)
      expect(LONE_SURROGATE.test(cut)).toBe(false)
      if (countTokens(text) <= max) expect(cut).toBe(text)
    }),
  )
})

test('truncation of prose ends behind a word, close to the budget', () => {
  const prose = 'The planner chooses an index scan when the condition is selective. '.repeat(200)
  const cut = truncateToTokens(prose, 300)
  expect(countTokens(cut)).toBeGreaterThan(280)
  expect(prose[cut.length]).toBe(' ')
  expect(truncateToTokens(prose, 0)).toBe('')
})
