import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { readDocument } from '../../../src/knowledge/reading/read-document.ts'
import {
  createReader,
  INLINE_CHARS_MAX,
  type Reader,
  type ReaderOptions,
} from '../../../src/knowledge/reading/reader.ts'
import { chunkText } from '../../../src/knowledge/text/chunk.ts'
import { contentHash } from '../../../src/knowledge/text/normalize.ts'
import { ARTICLE_PAGE, pdfOf } from './pages.ts'

const LIMITS = { maxTokens: 64, overlapTokens: 8 }
const PROSE = 'The planner chooses an index scan when the condition is selective. '

const readers: Reader[] = []
afterEach(() => Promise.all(readers.splice(0).map((reader) => reader.stop())))

function reader(options?: ReaderOptions): Reader {
  const made = createReader(options)
  readers.push(made)
  return made
}

/** Real threads that each handle requests by `body`, JavaScript with `request` and `reply` in scope. */
function threads(...bodies: string[]): { start: () => Worker; count: () => number } {
  let started = 0
  const start = () => {
    const body = bodies[Math.min(started, bodies.length - 1)]
    started += 1
    const code = `const { parentPort } = require('node:worker_threads')
      const reply = (name) => parentPort.postMessage({ kind: 'chunk', spans: [], name })
      parentPort.on('message', (request) => { ${body} })`
    return new Worker(code, { eval: true })
  }
  return { start, count: () => started }
}

const ANSWER = 'reply()'
const CRASH = 'throw new Error("crash")'
const LONG = PROSE.repeat(400)

describe('the thread', () => {
  test('gives what reading on the spot gives: text, hash, chunks', async () => {
    const document = { path: 'page.html', content: ARTICLE_PAGE }
    const { format, ...expected } = await readDocument(document)
    expect(await reader().read(document, LIMITS)).toEqual({
      ...expected,
      contentHash: contentHash(expected.text),
      chunks: chunkText(expected.text, LIMITS, format),
    })
  })

  test('reads bytes, and leaves them to the caller', async () => {
    const content = pdfOf(['dead rows'])
    expect((await reader().read({ path: 'a.pdf', content }, LIMITS)).text).toBe('dead rows')
    expect(content.length).toBe(pdfOf(['dead rows']).length)
  })

  test('a refusal comes back as the error it was, and the others are read', async () => {
    const shared = reader({ threads: 2 })
    const outcomes = await Promise.allSettled(
      ['a', ' ', 'b', 'c\0', 'd'].map((content, i) => shared.read({ path: `${i}.txt`, content }, LIMITS)),
    )
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect(outcomes[1]).toMatchObject({
      reason: { code: 'invalid_input', message: '1.txt: the document holds no text' },
    })
    expect(outcomes[3]).toMatchObject({ reason: { name: 'TurboError', code: 'unsupported_media_type' } })
  })
})

describe('chunk', () => {
  test('cuts small and large texts alike', async () => {
    const shared = reader()
    for (const text of [PROSE, LONG]) expect(await shared.chunk(text, LIMITS)).toEqual(chunkText(text, LIMITS))
    expect(LONG.length).toBeGreaterThan(INLINE_CHARS_MAX)
  })

  test('small texts need no thread, a batch of them does not occupy the event loop', async () => {
    const { start, count } = threads(ANSWER)
    const shared = reader({ start })
    await shared.chunk(PROSE, LIMITS)
    expect(count()).toBe(0)
    const batch = Array.from({ length: 40 }, () => PROSE.repeat(20))
    const inline = (await Promise.all(batch.map((text) => shared.chunk(text, LIMITS)))).filter(
      (chunks) => chunks.length > 0,
    )
    expect(inline.length).toBeGreaterThan(0)
    expect(inline.length * PROSE.length * 20).toBeLessThanOrEqual(INLINE_CHARS_MAX)
    expect(count()).toBe(1)
  })
})

describe('faults', () => {
  test('a thread that dies fails the text it had; what waited and what comes is read by a new one', async () => {
    const { start, count } = threads(CRASH, ANSWER)
    const shared = reader({ start })
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => shared.chunk(LONG, LIMITS)))
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    expect(outcomes[0]).toMatchObject({ reason: { code: 'unavailable', retryAfterSeconds: 1 } })
    expect(await shared.chunk(LONG, LIMITS)).toEqual([])
    expect(count()).toBe(2)
  })

  test('a thread that ends while idle is replaced', async () => {
    let ended: Promise<unknown> = Promise.resolve()
    const { start, count } = threads(`${ANSWER}; parentPort.close()`, ANSWER)
    const watched = () => {
      const thread = start()
      ended = new Promise((resolve) => thread.on('exit', resolve))
      return thread
    }
    const shared = reader({ start: watched })
    await shared.chunk(LONG, LIMITS)
    await ended
    expect(await shared.chunk(LONG, LIMITS)).toEqual([])
    expect(count()).toBe(2)
  })

  test('a text that takes too long is refused, its thread ended, and the next is read', async () => {
    const { start } = threads('while (true);', ANSWER)
    const exits: Promise<unknown>[] = []
    const watched = () => {
      const thread = start()
      exits.push(new Promise((resolve) => thread.on('exit', resolve)))
      return thread
    }
    const shared = reader({ start: watched, timeoutMs: 2_000 })
    const slow = shared.read({ path: 'slow.pdf', content: 'x' }, LIMITS)
    await expect(slow).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'slow.pdf: reading it takes more than 2 s',
    })
    await exits[0]
    expect(await shared.chunk(LONG, LIMITS)).toEqual([])
  })

  test('a document that takes too much memory is refused', async () => {
    const start = () =>
      new Worker(
        `require('node:worker_threads').parentPort.on('message', () => { const all = []; while (true) all.push(new Array(1e5).fill(1.5)) })`,
        {
          eval: true,
          resourceLimits: { maxOldGenerationSizeMb: 16 },
        },
      )
    const refusal = reader({ start }).read({ path: 'bomb.html', content: 'x' }, LIMITS)
    await expect(refusal).rejects.toMatchObject({
      code: 'payload_too_large',
      message: expect.stringContaining('bomb.html'),
    })
  })

  test('more than 2,000 waiting texts are refused, stopping fails what waits', async () => {
    const shared = reader({ start: threads('').start })
    const waiting = Promise.allSettled(Array.from({ length: 2_001 }, () => shared.chunk(LONG, LIMITS)))
    await expect(shared.chunk(LONG, LIMITS)).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 })
    await shared.stop()
    await shared.stop()
    expect(new Set((await waiting).map((outcome) => outcome.status))).toEqual(new Set(['rejected']))
    await expect(shared.read({ path: 'a.txt', content: 'a' }, LIMITS)).rejects.toMatchObject({ code: 'unavailable' })
  })
})
