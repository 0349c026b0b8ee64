import { expect, test } from 'vitest'
import { kindOf, mediaTypeOf } from '../../../src/knowledge/reading/media-types.ts'

test.each([
  ['README.md', 'x', 'text/markdown'],
  ['a.HTML', 'x', 'text/html'],
  ['a.txt', '<html>', 'text/plain'],
  ['src/a.ts', 'x', 'text/x-source'],
  ['Dockerfile', 'FROM x', 'text/x-source'],
  ['a.pdf', 'x', 'application/pdf'],
  ['a.bin', '%PDF-1.7', 'application/pdf'],
  ['LICENSE', 'Permission is hereby granted', 'text/plain'],
  ['page', ' <!-- c -->\n<!DOCTYPE html><p>', 'text/html'],
  ['index.php', '<!DOCTYPE html>', 'text/x-source'],
  ['https://x.example/index.php?a=b.md', '<!DOCTYPE html>', 'text/html'],
  ['https://x.example/docs/guide.md?raw=1#top', 'x', 'text/markdown'],
  ['https://x.example/lib.js', 'export {}', 'text/x-source'],
  ['https://x.example/', 'x', 'text/plain'],
  ['C:\\docs\\guide.md', 'x', 'text/markdown'],
  ['.env', 'A=1', 'text/x-source'],
])('%s beginning with %j is %s', (path, content, expected) => {
  expect(mediaTypeOf(path, content)).toBe(expected)
  expect(mediaTypeOf(path, new TextEncoder().encode(content))).toBe(expected)
})

test.each([
  ['text/markdown', 'markdown'],
  ['application/xhtml+xml', 'html'],
  ['application/json', 'code'],
  ['text/x-python', 'code'],
  ['text/csv', 'text'],
])('%s is read as %s', (mediaType, kind) => {
  expect(kindOf('a', mediaType)).toBe(kind)
})
