import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the stub does with one request for a model's turn. */
export type Reply =
  | { kind: 'text'; text: string }
  | { kind: 'tool'; name: string; input: Record<string, unknown> }
  | { kind: 'status'; status: number; body: unknown; headers?: Record<string, string> }
  /** The request is accepted and never answered. */
  | { kind: 'hang' }

/** One request for a model's turn as it arrived. */
export interface ModelRequest {
  path: string
  headers: IncomingMessage['headers']
  body: Record<string, unknown>
}

export interface ModelStub {
  /** `http://127.0.0.1:port`, without a path. */
  readonly url: string
  /** Requests for turns since the start, oldest first; OpenCode's extra request for a title is not among them. */
  readonly requests: ModelRequest[]
  /** Resolves when the `count`th request has arrived. */
  arrived(count: number): Promise<void>
  stop(): Promise<void>
}

/** Tokens that each answer says it used. */
export const STUB_USAGE = { input: 100, output: 20, cacheRead: 40 }

/**
 * A loopback server that speaks the Messages, Responses, Gemini and Chat Completions dialects as far as the agent CLIs
 * need them. `replies` are given out in order; the last one is repeated.
 */
export async function startModelStub(...replies: [Reply, ...Reply[]]): Promise<ModelStub> {
  const requests: ModelRequest[] = []
  let tell: () => void = () => undefined
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => response.destroy(error as Error))
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/'
    const dialect = DIALECTS.find(({ matches }) => matches.test(path))
    if (request.method !== 'POST' || dialect === undefined) return void response.writeHead(200).end()
    const body = JSON.parse(await textOf(request)) as Record<string, unknown>
    if (dialect.isTitle?.(body)) return stream(response, dialect.events({ kind: 'text', text: 'title' }, body))
    requests.push({ path, headers: request.headers, body })
    tell()
    const reply = replies[Math.min(requests.length, replies.length) - 1] as Reply
    if (reply.kind === 'hang') return
    if (reply.kind === 'status') {
      response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers })
      return void response.end(JSON.stringify(reply.body))
    }
    stream(response, dialect.events(reply, body))
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    arrived: (count) =>
      new Promise((resolve) => {
        tell = () => requests.length >= count && resolve()
        tell()
      }),
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

/** An event without a name is one that has none in its dialect. */
type ServerEvent = [name: string, data: unknown]

function stream(response: ServerResponse, events: ServerEvent[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const [name, data] of events) {
    const text = typeof data === 'string' ? data : JSON.stringify(data)
    response.write(`${name === '' ? '' : `event: ${name}\n`}data: ${text}\n\n`)
  }
  response.end()
}

type Answer = Extract<Reply, { kind: 'text' | 'tool' }>

interface Dialect {
  matches: RegExp
  /** True for a request that names the conversation, which is not a turn. */
  isTitle?(body: Record<string, unknown>): boolean
  events(reply: Answer, body: Record<string, unknown>): ServerEvent[]
}

let serial = 0
const nextId = (prefix: string) => `${prefix}_stub_${serial++}`
const typed = (data: { type: string; [key: string]: unknown }): ServerEvent => [data.type, data]
const { input, output, cacheRead } = STUB_USAGE

const messages: Dialect = {
  matches: /^\/v1\/messages(?:\?|$)/,
  events(reply, { model }) {
    const usage = { input_tokens: input, cache_read_input_tokens: cacheRead, cache_creation_input_tokens: 0 }
    const message = { id: nextId('msg'), type: 'message', role: 'assistant', model, content: [], stop_reason: null }
    const block =
      reply.kind === 'text'
        ? { type: 'text', text: '' }
        : { type: 'tool_use', id: nextId('toolu'), name: reply.name, input: {} }
    const delta =
      reply.kind === 'text'
        ? { type: 'text_delta', text: reply.text }
        : { type: 'input_json_delta', partial_json: JSON.stringify(reply.input) }
    const reason = reply.kind === 'text' ? 'end_turn' : 'tool_use'
    return [
      typed({ type: 'message_start', message: { ...message, usage: { ...usage, output_tokens: 1 } } }),
      typed({ type: 'content_block_start', index: 0, content_block: block }),
      typed({ type: 'content_block_delta', index: 0, delta }),
      typed({ type: 'content_block_stop', index: 0 }),
      typed({
        type: 'message_delta',
        delta: { stop_reason: reason, stop_sequence: null },
        usage: { ...usage, output_tokens: output },
      }),
      typed({ type: 'message_stop' }),
    ]
  },
}

const responses: Dialect = {
  matches: /^\/v1\/responses(?:\?|$)/,
  events(reply) {
    const item =
      reply.kind === 'text'
        ? { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: reply.text }] }
        : {
            type: 'function_call',
            id: nextId('fc'),
            call_id: nextId('call'),
            name: reply.name,
            arguments: JSON.stringify(reply.input),
          }
    const usage = {
      input_tokens: input + cacheRead,
      input_tokens_details: { cached_tokens: cacheRead },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + cacheRead + output,
    }
    return [
      typed({ type: 'response.output_item.done', item }),
      typed({ type: 'response.completed', response: { id: nextId('resp'), usage } }),
    ]
  },
}

const gemini: Dialect = {
  matches: /:streamGenerateContent/,
  events(reply) {
    const part =
      reply.kind === 'text' ? { text: reply.text } : { functionCall: { name: reply.name, args: reply.input } }
    return [
      [
        '',
        {
          candidates: [{ content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }],
          usageMetadata: {
            promptTokenCount: input + cacheRead,
            cachedContentTokenCount: cacheRead,
            candidatesTokenCount: output,
            totalTokenCount: input + cacheRead + output,
          },
          modelVersion: 'gemini-2.5-flash',
        },
      ],
    ]
  },
}

const chat: Dialect = {
  matches: /^\/v1\/chat\/completions/,
  isTitle: ({ tools }) => !Array.isArray(tools) || tools.length === 0,
  events(reply, { model }) {
    const chunk = (delta: unknown, reason: string | null, usage?: unknown): ServerEvent => [
      '',
      {
        id: 'c1',
        object: 'chat.completion.chunk',
        model,
        choices: [{ index: 0, delta, finish_reason: reason }],
        usage,
      },
    ]
    const call = (name: string, given: unknown) => ({
      tool_calls: [
        { index: 0, id: nextId('call'), type: 'function', function: { name, arguments: JSON.stringify(given) } },
      ],
    })
    const delta = reply.kind === 'text' ? { content: reply.text } : call(reply.name, reply.input)
    const usage = {
      prompt_tokens: input + cacheRead,
      prompt_tokens_details: { cached_tokens: cacheRead },
      completion_tokens: output,
      total_tokens: input + cacheRead + output,
    }
    return [
      chunk({ role: 'assistant', ...delta }, null),
      chunk({}, reply.kind === 'text' ? 'stop' : 'tool_calls', usage),
      ['', '[DONE]'],
    ]
  },
}

const DIALECTS: Dialect[] = [messages, responses, gemini, chat]
