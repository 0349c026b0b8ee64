import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { TurboError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { isLoopback } from './callers.ts'
import type { HttpConfig } from './context.ts'
import { PROBLEM_TYPE, problemOf } from './problem.ts'

const HEADERS_TIMEOUT_MS = 10_000
/** For the whole request to arrive: 64 MB of documents over a slow line. */
const REQUEST_TIMEOUT_MS = 120_000
/** Above the idle times of common proxies and of fetch, so that they and not we end an idle connection. */
const KEEP_ALIVE_MS = 65_000
const CONNECTIONS_MAX = 2_000
const STOP_TIMEOUT_MS = 10_000

interface HttpServerDependencies {
  fetch: Parameters<typeof getRequestListener>[0]
  config: HttpConfig
  hasKeys(): Promise<boolean>
  log: Log
  stopTimeoutMs?: number
}

/** The socket side of the surface. Starting twice is one start; stopping before starting is fine. */
export class HttpServer {
  readonly #deps: HttpServerDependencies
  #server: Server | undefined
  /** Connections that have sent no request yet, such as a browser opens in advance; Node does not count them as idle. */
  readonly #unused = new Set<Socket>()
  #starting: Promise<{ url: string }> | undefined
  #stopping: Promise<void> | undefined

  constructor(deps: HttpServerDependencies) {
    this.#deps = deps
  }

  start(): Promise<{ url: string }> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #start(): Promise<{ url: string }> {
    const { config, hasKeys, fetch, log } = this.#deps
    await refuseWithoutKeys(config, hasKeys)
    const listener = getRequestListener(fetch, {
      overrideGlobalObjects: false,
      errorHandler: malformedTarget,
    })
    const server = createServer(
      {
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        noDelay: true,
      },
      listener,
    )
    server.maxConnections = CONNECTIONS_MAX
    server.on('connection', (socket) => {
      this.#unused.add(socket)
      socket.once('close', () => this.#unused.delete(socket))
    })
    server.on('request', (request) => this.#unused.delete(request.socket))
    server.on('clientError', answerBrokenRequest)
    server.on('error', (error) => log.error({ err: error }, 'http server'))
    this.#server = server
    server.listen(config.port, config.host.replace(/^\[|\]$/g, ''))
    await once(server, 'listening').catch((error: unknown) => Promise.reject(listenFailure(error, config)))
    return { url: urlOf(server.address() as AddressInfo) }
  }

  /**
   * Stops accepting and closes idle connections; those with a request in flight end with its answer, which says so.
   * What is left after {@link STOP_TIMEOUT_MS} is cut.
   */
  async #stop(): Promise<void> {
    // A failed start has nothing to stop and told its caller why.
    await this.#starting?.catch(() => undefined)
    const server = this.#server
    if (server === undefined || !server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#unused) socket.destroy()
    const { log, stopTimeoutMs: timeoutMs = STOP_TIMEOUT_MS } = this.#deps
    const cut = setTimeout(() => {
      log.warn({ timeoutMs }, 'http server: cutting requests that did not finish')
      server.closeAllConnections()
    }, timeoutMs)
    await closed
    clearTimeout(cut)
  }
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** @throws TurboError `forbidden` where nobody could call, or anybody, because there are no API keys */
async function refuseWithoutKeys({ host, allowedHosts }: HttpConfig, hasKeys: () => Promise<boolean>): Promise<void> {
  const isOpen = !isLoopback(host)
  if ((!isOpen && allowedHosts.length === 0) || (await hasKeys())) return
  if (isOpen) {
    throw new TurboError('forbidden', `refusing to listen on ${host} without API keys: anyone could read and write`, {
      next: 'Make a key with `agent-turbo keys create`, or bind 127.0.0.1.',
    })
  }
  throw new TurboError(
    'forbidden',
    'refusing to serve AGENT_TURBO_ALLOWED_HOSTS without API keys: no call would pass',
    {
      next: 'Make a key with `agent-turbo keys create`, or unset AGENT_TURBO_ALLOWED_HOSTS.',
    },
  )
}

function listenFailure(error: unknown, { host, port }: HttpConfig): TurboError {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') {
    return new TurboError('conflict', `port ${port} on ${host} is in use`, {
      next: 'Another server may be running already; else choose another port with --port.',
      cause: error,
    })
  }
  return new TurboError('invalid_input', `cannot listen on ${host}, port ${port} (${code})`, {
    next: 'Check AGENT_TURBO_HOST and AGENT_TURBO_PORT.',
    cause: error,
  })
}

/** What the HTTP parser refuses never reaches the app; it is answered in the same form. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, title, detail } = brokenRequests[error.code ?? ''] ?? MALFORMED
  const body = JSON.stringify({
    type: 'about:blank',
    title,
    status,
    detail,
    code: 'invalid_input',
    request_id: randomUUID(),
  })
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

interface BrokenRequest {
  status: number
  title: string
  detail: string
}

const MALFORMED: BrokenRequest = {
  status: 400,
  title: 'Bad Request',
  detail: 'the request is not well-formed HTTP/1.1',
}

const brokenRequests: Record<string, BrokenRequest> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    title: 'Request Header Fields Too Large',
    detail: 'the headers are larger than 16 KB',
  },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, title: 'Request Timeout', detail: 'the request did not arrive in time' },
}

/** The answer where the target or the Host header make no URL, so that there is no request for the app. */
function malformedTarget(): Response {
  const error = new TurboError('invalid_input', 'the request target or the Host header is malformed')
  const body = JSON.stringify(problemOf(error, randomUUID()))
  return new Response(body, { status: 400, headers: { 'content-type': PROBLEM_TYPE } })
}
