import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type Reply, replyOf, type TestHttp, testHttp } from './harness.ts'

const running: TestHttp[] = []

async function serve(config = {}, stopTimeoutMs?: number): Promise<TestHttp & { url: string; port: number }> {
  const http = testHttp(config, stopTimeoutMs)
  running.push(http)
  const { url } = await http.start()
  return { ...http, url, port: Number(new URL(url).port) }
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((http) => http.stop()))
})

async function post(url: string, body: string | Uint8Array<ArrayBuffer>): Promise<Reply> {
  return replyOf(await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } }))
}

/** Sends bytes as they are and returns all that comes back until the server closes. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.end(bytes)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}

/** A promise and what settles it. */
function signal() {
  let fire: () => void = () => undefined
  const fired = new Promise<void>((resolve) => {
    fire = resolve
  })
  return { fired, fire }
}

describe('start and stop', () => {
  test('an address that others can reach is refused without keys, and taken with one', async () => {
    await expect(serve({ host: '0.0.0.0' })).rejects.toMatchObject({
      code: 'forbidden',
      next: expect.stringContaining('keys create'),
    })
    const http = testHttp({ host: '0.0.0.0' })
    running.push(http)
    await http.turbo.access.createKey({ name: 'x', scopes: ['read'] })
    const { url } = await http.start()
    expect((await fetch(url.replace('0.0.0.0', '127.0.0.1').concat('/v1/stats'))).status).toBe(401)
  })

  test('names of a proxy are refused without keys, as no call would pass, and taken with one', async () => {
    await expect(serve({ allowedHosts: ['memory.example'] })).rejects.toMatchObject({
      code: 'forbidden',
      next: expect.stringContaining('keys create'),
    })
    const http = testHttp({ allowedHosts: ['memory.example'] })
    running.push(http)
    await http.turbo.access.createKey({ name: 'x', scopes: ['read'] })
    const { url } = await http.start()
    expect((await fetch(`${url}/v1/stats`)).status).toBe(401)
  })

  test('a port in use is said to be, with what to do', async () => {
    const { port } = await serve()
    await expect(serve({ port })).rejects.toMatchObject({
      code: 'conflict',
      message: `port ${port} on 127.0.0.1 is in use`,
    })
  })

  test('starting twice is one start, stopping before starting is fine', async () => {
    const http = testHttp()
    running.push(http)
    expect(await http.start()).toBe(await http.start())
    await testHttp().stop()
  })

  test('IPv6 loopback works, and its URL is one', async () => {
    const { url } = await serve({ host: '::1' })
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/)
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })

  test('a request in flight is finished, its connection closed, and no new one accepted', async () => {
    const { url, turbo, stop, port } = await serve()
    const entered = signal()
    const release = signal()
    turbo.behaviour.before = () => {
      entered.fire()
      return release.fired
    }
    const inFlight = post(`${url}/v1/knowledge/query`, '{"query":"x"}')
    await entered.fired
    const stopped = stop()
    await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    release.fire()
    const startedMs = performance.now()
    const reply = await inFlight
    expect([reply.status, reply.headers.get('connection')]).toEqual([200, 'close'])
    await stopped
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })

  test('of callers that never pause, each request that reached the service is answered', async () => {
    const { url, stop, turbo } = await serve()
    let answered = 0
    const busy = Array.from({ length: 4 }, async () => {
      // Ends when a connection is refused, or closed before the request was taken from it.
      for (;;) {
        const reply = await post(`${url}/v1/knowledge/query`, '{"query":"x"}').catch(() => null)
        if (reply === null) return
        expect(reply.status).toBe(200)
        answered++
      }
    })
    await fetch(`${url}/health`)
    const startedMs = performance.now()
    await stop()
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    await Promise.all(busy)
    expect(answered).toBe(turbo.calls.length)
  })

  test('a request that does not end is cut when the time is up', async () => {
    const { url, stop, turbo } = await serve({}, 50)
    const entered = signal()
    turbo.behaviour.before = () => {
      entered.fire()
      return new Promise(() => undefined)
    }
    const endless = post(`${url}/v1/knowledge/query`, '{"query":"x"}')
    const outcome = expect(endless).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } })
    await entered.fired
    await stop()
    await outcome
  })

  test('a connection on which nothing was ever sent does not hold up the stop', async () => {
    const { port, stop } = await serve()
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const startedMs = performance.now()
    await stop()
    expect(performance.now() - startedMs).toBeLessThan(5_000)
    socket.destroy()
  })

  test('idle keep-alive connections do not hold up the stop', async () => {
    const { url, stop } = await serve()
    await (await fetch(`${url}/health`)).text()
    const startedMs = performance.now()
    await stop()
    expect(performance.now() - startedMs).toBeLessThan(2_000)
  })
})

const UNFINISHED =
  'POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000000\r\n\r\n{"a":'

describe('over a real socket', () => {
  test('ten megabytes are refused with a problem, and the connection lives on', async () => {
    const { url } = await serve()
    for (let i = 0; i < 3; i++) {
      const reply = await post(`${url}/v1/knowledge`, JSON.stringify({ content: 'x'.repeat(10_000_000) }))
      expect([reply.status, reply.json.code]).toEqual([413, 'payload_too_large'])
    }
    expect((await post(`${url}/v1/knowledge`, '{"content":"x"}')).status).toBe(201)
  })

  test('a body of unknown length is read to the limit', async () => {
    const { url } = await serve()
    const chunk = new Uint8Array(1_000_000).fill(32)
    let sent = 0
    const body = new ReadableStream({
      pull(controller) {
        sent++
        if (sent > 200) controller.close()
        else controller.enqueue(chunk)
      },
    })
    const init = {
      method: 'POST',
      body,
      duplex: 'half',
      headers: { 'content-type': 'application/json' },
    } as RequestInit
    const reply = await fetch(`${url}/v1/knowledge`, init).then(replyOf, (error: unknown) => error)
    // The server answers and stops reading; whether a sender that is still at it sees the answer is the sender's affair.
    if (!(reply instanceof Error)) expect((reply as Reply).status).toBe(413)
    expect(sent).toBeLessThan(100)
    expect((await fetch(`${url}/health`)).status).toBe(200)
  })

  test('what is no HTTP, or no URL, is answered with a problem', async () => {
    const { port } = await serve()
    const hosted = (target: string, headers = '') =>
      `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`
    const broken = [
      'nonsense\r\n\r\n',
      hosted('/a\\b'),
      hosted('//'),
      `GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n`,
      hosted('/health', 'Content-Length: x\r\n'),
    ]
    for (const request of broken) {
      const answer = await raw(port, request)
      expect(answer, request).toMatch(/^HTTP\/1\.1 4\d\d /)
      expect(answer.toLowerCase(), request).toContain('content-type: application/problem+json')
    }
    expect(await raw(port, hosted('/health', `X-Large: ${'x'.repeat(20_000)}\r\n`))).toMatch(/^HTTP\/1\.1 431 /)
    expect(
      await raw(port, `GET http://evil.example/v1/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
    ).toMatch(/^HTTP\/1\.1 403 /)
  })

  test('a caller that goes away in the middle of its body leaves nothing behind', async () => {
    const { port, url, logged } = await serve()
    for (let i = 0; i < 20; i++) {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      await new Promise((resolve) => socket.write(UNFINISHED, resolve))
      socket.destroy()
    }
    expect(await raw(port, UNFINISHED)).toMatch(/^HTTP\/1\.1 400 /)
    expect(logged()).not.toContain('"level":"error"')
    // Twenty held bodies of 60 MB would exceed the budget of all bodies together.
    expect((await post(`${url}/v1/documents`, '{"documents":[{"path":"a","content":"x"}]}')).status).toBe(200)
  })

  test('more bodies at once than memory is set aside for are turned away, and welcome later', async () => {
    const { url, turbo } = await serve()
    const release = signal()
    const entered: (() => void)[] = []
    turbo.behaviour.before = () => {
      entered.shift()?.()
      return release.fired
    }
    const large = JSON.stringify({
      documents: Array.from({ length: 3 }, (_, i) => ({ path: `${i}`, content: 'x'.repeat(19_000_000) })),
    })
    const held = Array.from({ length: 4 }, () => {
      const inside = signal()
      entered.push(inside.fire)
      return { reply: post(`${url}/v1/documents`, large), inside: inside.fired }
    })
    await Promise.all(held.map(({ inside }) => inside))
    const refused = await post(`${url}/v1/documents`, large)
    expect([refused.status, refused.json.code, refused.headers.get('retry-after')]).toEqual([503, 'unavailable', '1'])
    release.fire()
    expect((await Promise.all(held.map(({ reply }) => reply))).map(({ status }) => status)).toEqual([
      200, 200, 200, 200,
    ])
    expect((await post(`${url}/v1/documents`, large)).status).toBe(200)
  })
})
