import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { TurboError } from '../../src/base/errors.ts'
import { createLog, type LogLevel } from '../../src/base/log.ts'

function logTo(level: LogLevel = 'info') {
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    },
  })
  return { log: createLog({ level, stream }), lines }
}

test('a line is one JSON object with level, time and process', () => {
  const { log, lines } = logTo()
  log.info({ requestId: 'r' }, 'told')
  log.debug('not told')
  expect(lines).toEqual([
    { level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), pid: process.pid, requestId: 'r', msg: 'told' },
  ])
})

test('secrets and texts that slip into a line are redacted', () => {
  const { log, lines } = logTo()
  const secret = 'hunter2'
  log.info({
    authorization: secret,
    headers: { authorization: secret },
    apiKey: secret,
    config: { apiKey: secret },
    input: { content: secret, query: secret },
  })
  expect(JSON.stringify(lines)).not.toContain(secret)
})

test('an error is told with its code and its causes, however deep', () => {
  const { log, lines } = logTo()
  const root: Error = new Error('root')
  root.cause = root
  log.error(
    {
      err: new TurboError('unavailable', 'away', {
        cause: Object.assign(new Error('socket'), { code: 'ECONNRESET', cause: root }),
      }),
    },
    'failed',
  )
  expect(lines[0]?.err).toMatchObject({
    name: 'TurboError',
    code: 'unavailable',
    cause: { code: 'ECONNRESET', cause: { message: 'root' } },
  })
  log.error({ err: 'text' }, 'thrown')
  expect(lines[1]?.err).toEqual({ message: 'thrown: string' })
})
