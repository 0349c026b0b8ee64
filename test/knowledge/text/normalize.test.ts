import { expect, test } from 'vitest'
import { contentHash, normalizeForHash } from '../../../src/knowledge/text/normalize.ts'

test('texts that differ in Unicode form or line ends only have one hash', () => {
  const spellings = ['café\nbar\n', 'cafe\u0301\nbar\n', 'café\r\nbar\r\n', 'café\rbar\r']
  expect(new Set(spellings.map(contentHash)).size).toBe(1)
  expect(spellings.map(normalizeForHash)).toEqual(Array(4).fill('café\nbar\n'))
})

test('blanks and case are content', () => {
  expect(new Set(['a', 'A', 'a ', 'a\n'].map(contentHash)).size).toBe(4)
})

test('the hash is the SHA-256 of the UTF-8 bytes in hex', () => {
  expect(contentHash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
