import { createColors } from 'picocolors'
import { describe, expect, test } from 'vitest'
import { TurboError } from '../../src/base/errors.ts'
import { exitCodeOf, Interrupted } from '../../src/cli/exit.ts'
import { asFailure, failureJson, renderFailure } from '../../src/cli/failure.ts'
import { pace } from '../../src/cli/progress.ts'
import { renderCheck } from '../../src/cli/render/doctor.ts'
import { degradedText, renderAnswer } from '../../src/cli/render/hits.ts'
import { renderIngest } from '../../src/cli/render/ingest.ts'
import { renderItem, renderList } from '../../src/cli/render/items.ts'
import { renderDocuments, renderKeys, renderStats } from '../../src/cli/render/store.ts'
import { bytes, duration, firstLine, plural, printable, truncate } from '../../src/cli/render/text.ts'
import type { OutputOf } from '../../src/client/index.ts'

const plain = { style: createColors(false), width: 100 }
const coloured = { style: createColors(true), width: 100 }
const ESCAPE = '\u001b['

type Item = OutputOf<'getKnowledge'>
type Hit = OutputOf<'queryKnowledge'>['results'][number]

function item(fields: Partial<Item> = {}): Item {
  return {
    id: 7,
    content: 'The pool holds ten connections.\nMore wait.',
    contentHash: 'h',
    title: null,
    knowledgeType: 'fact',
    category: null,
    tags: ['db', 'pool'],
    project: 'shop',
    scope: 'global',
    metadata: {},
    source: { path: 'docs/pool.md' },
    importance: 0.5,
    validFrom: '2026-11-20T13:55:56.123456Z',
    validTo: null,
    supersededBy: null,
    expiresAt: null,
    accessCount: 0,
    lastAccessed: null,
    createdAt: '2026-11-20T13:55:56.123456Z',
    updatedAt: '2026-11-20T13:55:56.123456Z',
    embedding: 'ready',
    chunks: 1,
    ...fields,
  }
}

function hit(fields: Partial<Hit> = {}): Hit {
  const { id, content, title, knowledgeType, category, tags, project, scope, source, createdAt } = item()
  const shown = { id, content, title, knowledgeType, category, tags, project, scope, source, createdAt }
  return { ...shown, truncated: false, passage: null, similarity: 0.7123, score: 0.5, ...fields }
}

function answer(results: Hit[], fields: Partial<OutputOf<'queryKnowledge'>> = {}): OutputOf<'queryKnowledge'> {
  return { query: 'q', results, totalCandidates: results.length, cached: false, tookMs: 1.25, ...fields }
}

describe('text', () => {
  test('stored text cannot steer the terminal', () => {
    expect(printable('a\u001b[31mred\u0007\u202e\r\nb\tc')).toBe('a\u{fffd}[31mred\u{fffd}\u{fffd}\nb\tc')
  })

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_500, '1.5 kB'],
    [20_000_000, '20 MB'],
  ])('%d bytes are shown as %s', (count, shown) => {
    expect(bytes(count)).toBe(shown)
  })

  test.each([
    [3.4, '3 s'],
    [185, '3 min 5 s'],
    [7_800, '2 h 10 min'],
  ])('%d seconds are shown as %s', (seconds, shown) => {
    expect(duration(seconds)).toBe(shown)
  })

  test('a cut never leaves half a character', () => {
    expect(truncate('ab😀cd', 4)).toBe('ab…')
    expect(truncate('abcd', 4)).toBe('abcd')
  })

  test('the first line loses its heading marks', () => {
    expect(firstLine('\n\n## Deploy\nrest', 20)).toBe('Deploy')
  })

  test('counts agree with their noun', () => {
    expect([plural(1, 'item'), plural(1_000, 'item'), plural(0, 'item')]).toEqual(['1 item', '1,000 items', '0 items'])
  })
})

describe('items', () => {
  test('a list has a line an item, without colours where there is no terminal', () => {
    const lines = renderList({ items: [item(), item({ id: 12, title: 'Pool size' })], nextCursor: 'abc' }, plain).split(
      '\n',
    )
    expect(lines).toHaveLength(4)
    expect(lines[1]).toBe(' 7  2026-11-20 13:55  fact  shop     The pool holds ten connections.')
    expect(lines[3]).toContain('--cursor abc')
    expect(lines.join('')).not.toContain(ESCAPE)
  })

  test('a terminal gets colours', () => {
    expect(renderList({ items: [item()], nextCursor: null }, coloured)).toContain(ESCAPE)
  })

  test.each([
    [{ supersededBy: 9 }, '[superseded by #9]'],
    [{ expiresAt: '2001-01-01T00:00:00Z' }, '[expired]'],
    [{ embedding: 'pending' as const }, '[embedding pending]'],
  ])('the list says that an item is %j', (fields, said) => {
    expect(renderList({ items: [item(fields)], nextCursor: null }, plain)).toContain(said)
  })

  test('one item shows what is known and leaves out what is not', () => {
    const shown = renderItem(item({ metadata: { build: 7 } }), plain, [
      { at: 'T', kind: 'changed', id: 7, before: { title: 'old' } },
    ])
    expect(shown).toContain('metadata    {"build":7}')
    expect(shown).toContain('source      docs/pool.md')
    expect(shown).toContain('T  #7 changed  before: {"title":"old"}')
    expect(shown).not.toContain('superseded')
    expect(shown).not.toContain('null')
  })
})

describe('answers', () => {
  test('a hit shows its place, its similarity and its text', () => {
    const shown = renderAnswer(answer([hit({ title: 'Pool' }), hit({ id: 8, similarity: null })]), plain, false)
    expect(shown).toContain('1. Pool\n   #7 · similarity 0.712 · score 0.5000 · fact · shop · db, pool · docs/pool.md')
    expect(shown).toContain('   The pool holds ten connections.\n   More wait.')
    expect(shown).toContain('#8 · words only')
  })

  test('a long text is shown by its best passage, unless all is asked for', () => {
    const content = Array.from({ length: 50 }, (_, line) => `line ${line}`).join('\n')
    const long = answer([hit({ content, passage: 'line 40' })])
    expect(renderAnswer(long, plain, false)).toContain('line 40\n   … (the whole text: agent-turbo show 7)')
    expect(renderAnswer(long, plain, true)).toContain('line 49')
  })

  test('no hit is said in words', () => {
    expect(renderAnswer(answer([], { cached: true }), plain, false)).toBe('nothing found\n\n0 results, from cache')
  })

  test('an explained answer shows words, timings and what was dropped', () => {
    const explain = {
      plan: { dense: 'exact' as const, lexical: 'bm25' as const, exactRerun: true },
      lexemes: [{ lexeme: 'pool', documents: 3, idf: 1.5, used: true }],
      timingsMs: { search: 2 },
      dropped: [{ id: 4, reason: 'min_similarity' as const }],
    }
    const shown = renderAnswer(answer([], { explain }), plain, false)
    expect(shown).toContain('vectors: exact (run again exactly) · words: bm25')
    expect(shown).toContain('pool          3  1.50  yes')
    expect(shown).toContain('dropped #4: min_similarity')
  })

  test('a reason without words of its own is shown as it is', () => {
    expect(degradedText(['embedder_unavailable', 'moon_phase'])).toMatch(/embedder is away.*; moon_phase$/)
  })
})

describe('the store', () => {
  test('documents have a line each, which says where the item was erased', () => {
    const document = { project: null, source: 'docs', title: 'A', mediaType: 'text/markdown', chunks: 3 }
    const updatedAt = '2026-11-20T13:55:56.123400Z'
    const lines = renderDocuments(
      {
        documents: [
          { ...document, path: 'a.md', itemId: 7, updatedAt },
          { ...document, path: 'b.md', itemId: null, updatedAt },
        ],
        nextCursor: 'abc',
      },
      plain,
    ).split('\n')
    expect(lines[1]).toMatch(/^7 +2026-11-20 13:55 +docs +a\.md +3$/)
    expect(lines[2]).toMatch(/^erased .* b\.md +3$/)
    expect(lines[3]).toContain('--cursor abc')
  })

  test('figures are grouped and have units', () => {
    const space = { id: 1, model: 'm', dimensions: 512, vectors: 12_000, unindexed: 3 }
    const shown = renderStats(
      {
        items: 12_345,
        current: 12_000,
        chunks: 20_000,
        pendingItems: 1,
        documents: 0,
        space,
        databaseBytes: 8_900_000,
        cache: { entries: 2, bytes: 2_000, hits: 3, misses: 1 },
        queries: { exactReruns: 0 },
      },
      plain,
    )
    expect(shown).toContain('items                12,345, 12,000 of them current')
    expect(shown).toContain('12,000 of m (512 dimensions), 3 not indexed yet')
    expect(shown).toContain('2 answers, 2.0 kB, 3 hits of 4')
  })

  test('a revoked key says so', () => {
    const key = { id: 1, name: 'ci', prefix: 'at_abc', createdAt: 'c', lastUsedAt: null, expiresAt: null }
    const keys = [{ ...key, scopes: ['read' as const], revokedAt: '2026-11-20T13:55:56Z' }]
    expect(renderKeys({ keys }, plain)).toContain('revoked 2026-11-20 13:55')
  })

  test('a failed check is followed by what to do', () => {
    expect(renderCheck({ name: 'node', status: 'fail', detail: 'too old', fix: 'Install it.' }, plain)).toBe(
      'fail    node            too old\n        next: Install it.',
    )
  })

  test('an ingest counts what there was, and lists failures up to a bound', () => {
    const failures = Array.from({ length: 30 }, (_, index) => ({ path: `${index}.pdf`, detail: 'broken' }))
    const shown = renderIngest(
      {
        source: 'docs',
        project: null,
        created: 1_000,
        updated: 0,
        unchanged: 2,
        failed: 30,
        failures,
        expired: 0,
        skipped: { binary: 4, empty: 0, tooLarge: 0 },
        backlog: 0,
      },
      plain,
    )
    expect(shown).toContain('docs: 1,032 documents (1,000 new, 2 unchanged, 30 failed, 4 skipped as binary)')
    expect(shown).toContain('failed 19.pdf: broken')
    expect(shown).not.toContain('20.pdf')
    expect(shown).toContain('and 10 failures more')
  })
})

describe('failures', () => {
  const error = new TurboError('invalid_input', 'two fields are wrong', {
    errors: [
      { pointer: '/title', detail: 'too long' },
      { pointer: '/tags/0', detail: 'must not be empty' },
    ],
    next: 'Correct them.',
  })

  test('people read what is wrong, where, and what to do', () => {
    expect(renderFailure(error, plain.style)).toBe(
      'error: two fields are wrong\n  title: too long\n  tags/0: must not be empty\nnext: Correct them.',
    )
  })

  test('programs read the same as JSON', () => {
    expect(JSON.parse(failureJson(error))).toEqual({
      code: 'invalid_input',
      detail: 'two fields are wrong',
      errors: error.errors,
      next: 'Correct them.',
      exit_code: 2,
    })
  })

  test.each([
    [new TurboError('invalid_input', 'x'), 2],
    [new TurboError('not_found', 'x'), 3],
    [new TurboError('conflict', 'x'), 4],
    [new TurboError('store_locked', 'x'), 5],
    [new TurboError('unavailable', 'x'), 5],
    [new TurboError('forbidden', 'x'), 1],
    [new Interrupted(), 130],
    [new TypeError('a bug'), 1],
  ])('%s ends with %d', (thrown, code) => {
    expect(exitCodeOf(asFailure(thrown))).toBe(code)
  })

  test('a file that is not there is no bug', () => {
    const thrown = Object.assign(new Error("ENOENT: no such file or directory, open 'x'"), {
      code: 'ENOENT',
      syscall: 'open',
    })
    const failure = asFailure(thrown)
    expect(renderFailure(failure, plain.style)).toMatch(/^error: ENOENT: no such file or directory, open 'x'\nnext: /)
    expect(exitCodeOf(failure)).toBe(2)
  })
})

describe('progress', () => {
  test('nothing done is no rate', () => {
    expect(pace(0, 100, 3)).toEqual({ rate: '-', left: 'estimating' })
  })

  test('the time left follows from the rate so far', () => {
    expect(pace(50, 100, 10)).toEqual({ rate: '5.0', left: 'about 20 s left (estimated)' })
    expect(pace(50_000, 0, 10)).toEqual({ rate: '5,000', left: 'done' })
  })
})
