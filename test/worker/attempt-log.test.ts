import { expect, test, vi } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import type { LogLine } from '../../src/orchestrator/index.ts'
import { createAttemptLog } from '../../src/worker/attempt-log.ts'

const log = createLog({ level: 'silent' })

/** A log whose store is `append`. */
const logOver = (append: (attemptId: string, lines: readonly LogLine[]) => Promise<boolean>) =>
  createAttemptLog('attempt', { append }, log)

test('lines that come together are one entry, others keep their order and their kind', async () => {
  const written: LogLine[] = []
  const said = logOver(async (_, lines) => written.push(...lines) > 0)
  said.add({ kind: 'session', sessionId: 's', model: null })
  said.add({ kind: 'text', text: 'a\n' })
  said.add({ kind: 'text', text: 'b PASSWORD=geheimnis\n' })
  said.add({ kind: 'tool', name: 'Bash', input: { command: 'ls' } })
  said.add({ kind: 'usage', report: { kind: 'total', models: [] } })
  said.add({ kind: 'result', text: null, failure: { message: 'no', status: null, code: null } })
  await said.end()
  expect(written).toEqual([
    { seq: 1, kind: 'session', body: 's' },
    { seq: 2, kind: 'text', body: 'a\nb PASSWORD=[redacted]\n' },
    { seq: 3, kind: 'tool', body: 'Bash {"command":"ls"}' },
    { seq: 4, kind: 'failure', body: 'no' },
  ])
})

test('of a long run the beginning and the end are kept, and how much is missing is said', async () => {
  const written: LogLine[] = []
  const batches: number[] = []
  const said = logOver(async (_, lines) => {
    batches.push(lines.reduce((sum, { body }) => sum + body.length, 0))
    return written.push(...lines) > 0
  })
  const lines = Array.from({ length: 2_000 }, (_, index) => `${String(index).padStart(4, '0')}${'x'.repeat(1_019)}\n`)
  for (const text of lines) said.add({ kind: 'text', text })
  await said.end()
  const all = written.map(({ kind, body }) => (kind === 'left_out' ? '|' : body)).join('')
  const [head = '', tail = ''] = all.split('|')
  expect([head, tail].map((part) => part.length)).toEqual([512 * 1024, 256 * 1024])
  expect(lines.join('').startsWith(head) && lines.join('').endsWith(tail)).toBe(true)
  const leftOut = written.find(({ kind }) => kind === 'left_out')
  expect(leftOut?.body).toBe(`${(2_000 - 512 - 256) * 1024} characters left out`)
  expect(written.map(({ seq }) => seq)).toEqual(written.map((_, index) => index + 1))
  expect(Math.max(...batches)).toBeLessThanOrEqual(64 * 1024)
})

test('a batch that failed is sent again as it was, with what came meanwhile behind it', async () => {
  const tries: string[][] = []
  const said = logOver(async (_, lines) => {
    tries.push(lines.map(({ body }) => body))
    if (tries.length === 1) {
      said.add({ kind: 'text', text: 'second' })
      throw new Error('away')
    }
    return true
  })
  said.add({ kind: 'text', text: 'first' })
  await vi.waitFor(() => expect(tries).toHaveLength(3), { timeout: 5_000 })
  await said.end()
  expect(tries).toEqual([['first'], ['first'], ['second']])
})

test('an attempt that has lost its task writes nothing more', async () => {
  const append = vi.fn(async () => false)
  const said = logOver(append)
  said.add({ kind: 'text', text: 'first' })
  await vi.waitFor(() => expect(append).toHaveBeenCalledTimes(1))
  said.add({ kind: 'text', text: 'second' })
  await said.end()
  expect(append).toHaveBeenCalledTimes(1)
})
