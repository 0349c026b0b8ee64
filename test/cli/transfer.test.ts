import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { TurboError } from '../../src/base/errors.ts'
import type { Backend } from '../../src/cli/backend.ts'
import { intoFile } from '../../src/cli/transfer/export.ts'
import { importLines } from '../../src/cli/transfer/import.ts'
import { type Line, readLines } from '../../src/cli/transfer/lines.ts'
import { toAddInput } from '../../src/cli/transfer/records.ts'

const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-transfer-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function* bytesOf(...chunks: string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

function linesOf(...chunks: string[]): Promise<Line[]> {
  return collect(readLines(bytesOf(...chunks)))
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}

describe('lines', () => {
  test('are found across chunks, with their numbers, without blank ones', async () => {
    expect(await linesOf('a', 'b\n\nc', '\n  \n', 'd')).toEqual([
      { number: 1, text: 'ab' },
      { number: 3, text: 'c' },
      { number: 5, text: 'd' },
    ])
  })

  test('may end with CRLF and begin with a byte order mark', async () => {
    const [first] = await linesOf('\u{feff}{"a":1}\r\n')
    expect(JSON.parse(first?.text ?? '')).toEqual({ a: 1 })
  })

  test('a character may be cut by a chunk', async () => {
    const bytes = Buffer.from('é\n')
    async function* halves() {
      yield bytes.subarray(0, 1)
      yield bytes.subarray(1)
    }
    expect(await collect(readLines(halves()))).toEqual([{ number: 1, text: 'é' }])
  })

  test('a line without end is refused before it fills the memory', async () => {
    const chunk = Buffer.alloc(1_000_000, 'x')
    let sent = 0
    async function* endless() {
      while (sent < 100) {
        sent++
        yield chunk
      }
    }
    await expect(collect(readLines(endless()))).rejects.toMatchObject({ code: 'payload_too_large' })
    expect(sent).toBeLessThan(50)
  })
})

describe('records', () => {
  const exported = {
    id: 7,
    content: 'text',
    content_hash: 'h',
    title: null,
    knowledge_type: 'document',
    tags: ['a'],
    project: null,
    scope: 'global',
    metadata: { mine: { aB_c: 1 } },
    source: { path: 'docs/a.md' },
    importance: 0.5,
    valid_from: 'x',
    valid_to: null,
    superseded_by: null,
    expires_at: null,
    access_count: 3,
    last_accessed: null,
    created_at: '2026-11-20T00:00:00Z',
    updated_at: '2026-11-21T00:00:00Z',
    embedding: 'ready',
    chunks: 1,
  }

  test('an exported item becomes an add that remembers where it was', () => {
    expect(toAddInput(JSON.stringify(exported))).toEqual({
      content: 'text',
      knowledge_type: 'document',
      tags: ['a'],
      scope: 'global',
      importance: 0.5,
      metadata: {
        mine: { aB_c: 1 },
        imported: { id: 7, created_at: '2026-11-20T00:00:00Z', updated_at: '2026-11-21T00:00:00Z', path: 'docs/a.md' },
      },
    })
  })

  test('an item that was no longer valid comes in expired', () => {
    const superseded = { ...exported, valid_to: '2026-11-22T00:00:00Z', superseded_by: 9 }
    const input = toAddInput(JSON.stringify(superseded))
    expect(input.expires_at).toBe('2026-11-22T00:00:00Z')
    expect(input.metadata).toMatchObject({ imported: { superseded_by: 9 } })
  })

  test('the first origin stays through further exports', () => {
    const metadata = { imported: { id: 1 } }
    expect(toAddInput(JSON.stringify({ ...exported, metadata })).metadata).toEqual(metadata)
  })

  test('a hand-written line is taken as it is, so that a slip in it is noticed', () => {
    expect(toAddInput('{"content":"a","source":{"url":"u"},"titel":"b"}')).toEqual({
      content: 'a',
      source: { url: 'u' },
      titel: 'b',
    })
  })

  test.each(['nope', '[]', 'null', '"a"', '{'])('%s is no record, and is not quoted', (line) => {
    expect(() => toAddInput(line)).toThrow(/^is not (JSON|a JSON object)$/)
  })
})

describe('import', () => {
  /** A store that keeps what it was sent, and refuses the word `bad`. */
  function standIn(sent: string[][]): Backend {
    return {
      place: { kind: 'postgres' },
      turbo: null,
      close: async () => undefined,
      followTaskLog: () => {
        throw new Error('not asked for')
      },
      call: async (_name, input) => {
        const items = (input as { items: { content: string }[] }).items.map(({ content }) => content)
        sent.push(items)
        const results = items.map((content) =>
          content === 'bad'
            ? { id: null, status: 'failed', code: 'conflict', detail: 'refused' }
            : { status: 'created' },
        )
        return { results } as never
      },
    }
  }

  test('failures carry the number of their line, wherever they are found', async () => {
    const sent: string[][] = []
    const check = (item: unknown) => {
      if ((item as { content?: string }).content === undefined)
        throw new TurboError('invalid_input', 'content: is required')
    }
    const report = await importLines(
      bytesOf('{"content":"a"}\nnope\n\n{"x":1}\n{"content":"bad"}\n'),
      standIn(sent),
      check,
    )
    expect(sent).toEqual([['a', 'bad']])
    expect(report).toEqual({
      lines: 4,
      created: 1,
      duplicate: 0,
      failed: 3,
      failures: [
        { line: 2, detail: 'is not JSON' },
        { line: 4, detail: 'content: is required' },
        { line: 5, detail: 'refused' },
      ],
    })
  })

  test('batches are bounded in items and in characters', async () => {
    const sent: string[][] = []
    const long = JSON.stringify({ content: 'x'.repeat(600_000) })
    const short = Array.from({ length: 450 }, (_, index) => `{"content":"${index}"}`)
    await importLines(bytesOf([long, long, ...short].join('\n')), standIn(sent), () => undefined)
    expect(sent.map(({ length }) => length)).toEqual([1, 200, 200, 51])
    expect(sent.flat()).toHaveLength(452)
  })
})

describe('a file that is written', () => {
  test('appears whole', async () => {
    const path = join(folder, 'whole')
    await intoFile(path, async (write) => {
      await write('a')
      expect(readdirSync(folder)).not.toContain('whole')
      await write('b')
    })
    expect(readFileSync(path, 'utf8')).toBe('a\nb\n')
  })

  test('does not appear when its making fails, and leaves nothing', async () => {
    const before = readdirSync(folder)
    const broken = intoFile(join(folder, 'broken'), async (write) => {
      await write('a')
      throw new TurboError('unavailable', 'gone')
    })
    await expect(broken).rejects.toThrow('gone')
    expect(readdirSync(folder)).toEqual(before)
  })
})
