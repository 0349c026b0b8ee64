import { array, assert, constantFrom, integer, property, string, uniqueArray } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeadAndTail, joinKept } from '../../../src/worker/process/kept-text.ts'
import { LineSplitter, StringCutter } from '../../../src/worker/process/lines.ts'

/** `text` in pieces that end at `cuts`, as a pipe may deliver it. */
function pieces(bytes: Buffer, cuts: number[]): Buffer[] {
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
}

const cuts = uniqueArray(integer({ min: 0, max: 100_000 }), { maxLength: 8 })

function split(chunks: Buffer[], bytesMax = 1_000_000): [string, number][] {
  const lines: [string, number][] = []
  const splitter = new LineSplitter(bytesMax, (line, dropped) => lines.push([line, dropped]))
  for (const chunk of chunks) splitter.push(chunk)
  splitter.end()
  return lines
}

describe('lines', () => {
  it('are the same however the bytes are delivered', () => {
    assert(
      property(array(string({ unit: 'binary', maxLength: 30 })), cuts, (texts, at) => {
        const lines = texts.map((text) => text.replace(/[\r\n]/g, ''))
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
        expect(split(pieces(bytes, at)).map(([line]) => Buffer.from(line).toString())).toEqual(
          lines.map((line) => Buffer.from(line).toString()),
        )
      }),
    )
  })

  it('may end in CR LF, and the last one in nothing', () => {
    expect(split([Buffer.from('a\r\nb\n\nc')])).toEqual([
      ['a', 0],
      ['b', 0],
      ['', 0],
      ['c', 0],
    ])
  })

  it('are cut to the bound, and what was cut is counted', () => {
    expect(split([Buffer.from('abcdef\nab\n')], 4)).toEqual([
      ['abcd', 2],
      ['ab', 0],
    ])
  })
})

describe('long strings in lines of JSON', () => {
  const cut = (chunks: Buffer[], bytesMax: number) => {
    const cutter = new StringCutter(bytesMax)
    return Buffer.concat(chunks.map((chunk) => cutter.push(chunk))).toString()
  }

  it('leave JSON behind whatever they hold and wherever the chunks end', () => {
    const text = array(constantFrom('a', 'é', '🦜', '"', '\\', '\n', '\u0001', '{'), { maxLength: 60 })
    assert(
      property(text, integer({ min: 0, max: 40 }), cuts, (parts, bytesMax, at) => {
        const value = { type: 'result', text: parts.join(''), n: [1, parts.join('')], ok: true }
        const out = JSON.parse(cut(pieces(Buffer.from(`${JSON.stringify(value)}\n`), at), bytesMax + 6))
        expect(out).toMatchObject({ type: 'result', ok: true })
        const [kept, note] = out.text.split(/ \[(?=\d+ bytes left out\]$)/)
        expect(value.text.startsWith(kept)).toBe(true)
        if (note === undefined) expect(out).toEqual(value)
      }),
    )
  })

  it('keep the beginning and tell how much is gone', () => {
    expect(cut([Buffer.from('{"a":"0123456789","b":"short"}\n')], 5)).toBe(
      '{"a":"01234 [5 bytes left out]","b":"short"}\n',
    )
  })

  it('are over at the end of the line, also in noise with a single quote', () => {
    expect(cut([Buffer.from(`say "${'x'.repeat(20)}\n{"a":"b"}\n`)], 5)).toBe(
      'say "xxxxx [15 bytes left out]\n{"a":"b"}\n',
    )
  })
})

describe('head and tail', () => {
  it('together are all of a short stream, and say what is missing of a long one', () => {
    assert(
      property(
        string({ maxLength: 200 }),
        integer({ min: 1, max: 40 }),
        integer({ min: 1, max: 40 }),
        cuts,
        (text, headMax, tailMax, at) => {
          const bytes = Buffer.from(text)
          const kept = new HeadAndTail(headMax, tailMax)
          for (const chunk of pieces(bytes, at)) kept.push(chunk)
          const { head, tail, droppedBytes, totalBytes } = kept.text()
          const dropped = Math.max(0, bytes.length - headMax - tailMax)
          expect({ droppedBytes, totalBytes }).toEqual({ droppedBytes: dropped, totalBytes: bytes.length })
          expect(head).toBe(bytes.subarray(0, headMax).toString())
          expect(tail).toBe(bytes.subarray(Math.min(headMax, bytes.length) + dropped).toString())
        },
      ),
    )
  })

  it('read as one text', () => {
    const kept = new HeadAndTail(2, 2)
    kept.push(Buffer.from('abcdef'))
    expect(joinKept(kept.text())).toBe('ab\n[2 bytes left out]\nef')
  })
})
