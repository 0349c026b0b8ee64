import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import { toWire } from '../base/wire.ts'
import type { ServerEvent } from '../operations/index.ts'
import type { HttpContext, HttpDependencies } from './context.ts'
import { problemOf, publicError } from './problem.ts'

export const EVENTS_TYPE = 'text/event-stream'
/** True where the caller wants events, and not a page. */
export function wantsEvents(c: HttpContext): boolean {
  return c.req.header('accept')?.includes(EVENTS_TYPE) ?? false
}

/**
 * Tells events as they come, each when the one before was taken; ends with the last one, or when nobody reads, or takes
 * nothing between two signs of life, or when the server stops.
 */
export async function respondEvents(
  c: HttpContext,
  { streams, log }: HttpDependencies,
  eventsFor: (signal: AbortSignal) => Promise<AsyncIterable<ServerEvent>>,
): Promise<Response> {
  const stream = streams.open()
  let events: AsyncIterable<ServerEvent>
  try {
    events = await eventsFor(stream.signal)
  } catch (error) {
    streams.close(stream)
    throw error
  }
  for (const [name, value] of Object.entries(c.get('headers'))) c.header(name, value)
  const requestId = c.get('requestId')
  const socket = c.env?.incoming?.socket
  const response = streamSSE(c, async (sse) => {
    sse.onAbort(() => stream.abort())
    const out = createOutput(sse)
    const alive = setInterval(() => {
      const { isWaiting, hasMoved } = out.sinceLastAsked()
      // Who takes nothing is gone, or keeps a place that others wait for.
      if (isWaiting && !hasMoved) socket?.destroy()
      if (!isWaiting) void out.write(() => sse.write(': still here\n\n'))
    }, streams.keepAliveMs)
    try {
      for await (const { event, id, data } of events) {
        await out.write(() => sse.writeSSE({ event, id, data: JSON.stringify(toWire(data)) }))
        if (stream.signal.aborted) break
      }
    } catch (error) {
      const problem = publicError(error)
      log[problem.code === 'internal' ? 'error' : 'warn']({ requestId, err: error }, 'a stream broke off')
      await out.write(() => sse.writeSSE({ event: 'error', data: JSON.stringify(problemOf(problem, requestId)) }))
    } finally {
      clearInterval(alive)
      streams.close(stream)
    }
  })
  response.headers.set('cache-control', 'no-store')
  // Its end is that of the connection: nothing else is to wait behind it, not even a server that stops.
  response.headers.set('connection', 'close')
  return response
}

/** Writes one thing after the other, and knows whether they are taken. */
function createOutput(sse: SSEStreamingApi) {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  let moved = 0
  return {
    sinceLastAsked() {
      const state = { isWaiting: waiting > 0, hasMoved: moved > 0 }
      moved = 0
      return state
    },
    async write(send: () => Promise<unknown>): Promise<void> {
      waiting += 1
      last = last.then(() => (sse.aborted ? undefined : send()))
      await last
      waiting -= 1
      moved += 1
    },
  }
}
