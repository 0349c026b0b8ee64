import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { TurboError } from '../../src/base/errors.ts'
import type { FollowOptions, LogEvent } from '../../src/orchestrator/index.ts'
import { TASK_ID } from '../operations/stand-in-workers.ts'
import { type TestHttp, testHttp } from './harness.ts'

const running: TestHttp[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((http) => http.stop()))
})

const PATH = `/v1/tasks/${TASK_ID}/log`
const EVENTS = { accept: 'text/event-stream' }
const loggedAt = '2026-11-20T13:55:56.123456Z'
const said = (seq: number, body = `line ${seq}`): LogEvent => ({
  ...{ kind: 'entry', cursor: `1.${seq}` },
  entry: { attemptNumber: 1, seq, kind: 'text', body, loggedAt },
})
const END: LogEvent = { kind: 'end', taskId: TASK_ID, status: 'completed' }

/** A server whose log tells what `tell` does, and who followed it. */
async function serve(tell: (options: FollowOptions) => AsyncGenerator<LogEvent>, keepAliveMs?: number) {
  const http = testHttp({}, undefined, keepAliveMs)
  running.push(http)
  const followed: FollowOptions[] = []
  const left: FollowOptions[] = []
  http.turbo.orchestrator.taskLog.follow = async (_taskId, options) => {
    followed.push(options)
    return (async function* () {
      try {
        yield* tell(options)
      } finally {
        left.push(options)
      }
    })()
  }
  const { url } = await http.start()
  return { http, followed, left, url: url + PATH, port: Number(new URL(url).port) }
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
/** One entry, and then nothing for as long as somebody reads. */
async function* quiet({ signal }: FollowOptions) {
  yield said(1)
  await aborted(signal)
}

test('entries come with their positions as ids, the end comes last, and the connection ends', async () => {
  const { url } = await serve(async function* () {
    yield said(1, 'one\ntwo')
    yield said(2)
    yield END
  })
  const response = await fetch(url, { headers: { ...EVENTS, 'x-request-id': 'mine' } })
  expect(Object.fromEntries(response.headers)).toMatchObject({
    ...{
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-request-id': 'mine',
      connection: 'close',
    },
  })
  const entry = (seq: number, body: string) =>
    JSON.stringify({ attempt_number: 1, seq, kind: 'text', body, logged_at: loggedAt })
  expect(await response.text()).toBe(
    [
      `event: entry\ndata: ${entry(1, 'one\ntwo')}\nid: 1.1\n\n`,
      `event: entry\ndata: ${entry(2, 'line 2')}\nid: 1.2\n\n`,
      `event: end\ndata: {"task_id":"${TASK_ID}","status":"completed"}\n\n`,
    ].join(''),
  )
})

test('a reader that comes again says where it was, and that goes before the cursor of its address', async () => {
  const { url, followed } = await serve(async function* () {
    yield END
  })
  await (await fetch(`${url}?cursor=1.3`, { headers: { ...EVENTS, 'last-event-id': '1.7' } })).text()
  await (await fetch(`${url}?cursor=1.3`, { headers: EVENTS })).text()
  await (await fetch(url, { headers: EVENTS })).text()
  expect(followed.map(({ cursor }) => cursor)).toEqual(['1.7', '1.3', undefined])
})

test('what is wrong with the request is a problem, and who asks for no events gets a page', async () => {
  const http = testHttp({ host: '0.0.0.0' })
  expect((await http.call('GET', PATH, { headers: EVENTS })).status).toBe(401)
  const local = testHttp()
  const missing = await local.call('GET', '/v1/tasks/none/log', { headers: EVENTS })
  expect([missing.status, missing.json.code]).toEqual([404, 'not_found'])
  expect((await local.call('GET', PATH, { headers: { accept: '*/*' } })).json.next_cursor).toBe('1.3')
})

test('a HEAD request follows nothing', async () => {
  const { url, followed } = await serve(quiet)
  expect((await fetch(url, { method: 'HEAD', headers: EVENTS })).status).toBe(200)
  expect(followed).toEqual([])
})

test('a reader that goes away leaves nothing behind', async () => {
  const { port, left } = await serve(quiet)
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n`)
  await once(socket, 'data')
  expect(left).toEqual([])
  socket.destroy()
  await vi.waitFor(() => expect(left.map(({ signal }) => signal.aborted)).toEqual([true]))
})

test('a reader that takes nothing is cut off', async () => {
  const { port, left } = await serve(async function* ({ signal }) {
    for (let seq = 1; !signal.aborted; seq += 1) yield said(seq, 'x'.repeat(16_000))
  }, 100)
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n`)
  socket.pause()
  await vi.waitFor(() => expect(left).toHaveLength(1), { timeout: 10_000 })
  socket.destroy()
})

test('while nothing is said there are signs of life', async () => {
  const { url } = await serve(quiet, 20)
  const response = await fetch(url, { headers: EVENTS })
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk)
    if (text.split(': still here\n\n').length > 3) break
  }
  expect(text).toMatch(/^event: entry\n.*\nid: 1\.1\n\n(?:: still here\n\n){3}/)
})

test('a server that stops ends its streams at once', async () => {
  const { http, url, left } = await serve(quiet)
  const response = await fetch(url, { headers: EVENTS })
  const text = response.text()
  const stoppingAt = performance.now()
  await http.stop()
  expect(performance.now() - stoppingAt).toBeLessThan(5_000)
  expect(await text).toContain('id: 1.1\n\n')
  expect(left).toHaveLength(1)
})

test('a store that goes away in the middle is an event, with a code and without what it held', async () => {
  const { http, url } = await serve(async function* () {
    yield said(1)
    throw new TurboError('unavailable', 'the database is away')
  })
  const text = await (await fetch(url, { headers: EVENTS })).text()
  const [, problem = ''] = /event: error\ndata: (.*)\n/.exec(text) ?? []
  expect(JSON.parse(problem)).toMatchObject({ code: 'unavailable', status: 503, detail: 'the database is away' })
  expect(http.logged()).toContain('a stream broke off')
})
