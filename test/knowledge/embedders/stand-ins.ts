import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The servers that can be stood in for; the three services are the variants that were in use. */
export type DialectName = 'openai' | 'ollama' | 'tei' | 'service' | 'service-embed-batch' | 'service-bare'

/** What goes wrong with the next requests for vectors. */
export type Fault =
  | { kind: 'status'; status: number; body?: unknown; retryAfter?: string }
  | { kind: 'hang' }
  | { kind: 'not_json' }
  | { kind: 'nan' }
  | { kind: 'null_component' }
  | { kind: 'zero' }
  | { kind: 'wrong_dimension' }
  | { kind: 'one_missing' }
  | { kind: 'dies_midway' }
  | { kind: 'item_error' } // Inside a 200, in place of a batch's first item: only the local service does that.

export interface StandInOptions {
  /** Default `stand-in-model`, which no table knows. */
  model?: string
  /** Default 16. */
  dimensions?: number
  /** More texts than this are refused as the dialect does it (413, or 400 for openai). Default 32. */
  batchSizeMax?: number
  /** When set, requests without it are refused with 401. */
  apiKey?: string
  /** Texts that hold this are refused with 400 (500 for the local service), whatever the batch. */
  poison?: string
}

/** One request for vectors as it arrived. */
export interface RecordedRequest {
  path: string
  texts: string[]
  authorization: string | undefined
}

/** A real HTTP server on loopback that speaks one embedding dialect. */
export interface StandIn {
  readonly dialect: DialectName
  /** The same for the life of the stand-in, so that it can go away and come back. */
  readonly url: string
  /** Requests for vectors since the start, oldest first. */
  readonly requests: RecordedRequest[]
  /** May be changed while it runs: another model behind the same port. */
  model: string
  dimensions: number
  /** Goes wrong in this way for the next `times` requests for vectors, default for all until `recover`. */
  fail(fault: Fault, times?: number): void
  recover(): void
  /** Resolves when the next request for vectors has arrived. */
  nextRequest(): Promise<RecordedRequest>
  /** Closes the port and every connection. Idempotent. */
  stop(): Promise<void>
  /** Opens the same port again. */
  start(): Promise<void>
}

/** Deterministic and not normalised: texts that share words are near each other. */
export function vectorOf(text: string, dimensions: number): number[] {
  const vector = new Array<number>(dimensions).fill(0.01)
  for (const word of text.toLowerCase().split(/\W+/).filter(Boolean)) {
    let hash = 7
    for (const char of word) hash = (hash * 31 + char.charCodeAt(0)) % 1_000_003
    vector[hash % dimensions] = (vector[hash % dimensions] ?? 0) + 1
  }
  for (const [index, char] of [...text].slice(0, dimensions).entries()) {
    vector[index] = (vector[index] ?? 0) + ((char.codePointAt(0) ?? 0) % 97) / 200
  }
  return vector
}

/** Starts a stand-in on a free port of loopback. */
export async function startStandIn(dialect: DialectName, options: StandInOptions = {}): Promise<StandIn> {
  const standIn = new HttpStandIn(dialect, options)
  await standIn.start()
  return standIn
}

class HttpStandIn implements StandIn {
  readonly dialect: DialectName
  readonly requests: RecordedRequest[] = []
  readonly options: StandInOptions
  model: string
  dimensions: number
  #server: Server | undefined
  #port = 0
  #fault: { fault: Fault; left: number } | undefined
  #waiting: ((request: RecordedRequest) => void)[] = []

  constructor(dialect: DialectName, options: StandInOptions) {
    this.dialect = dialect
    this.options = options
    this.model = options.model ?? 'stand-in-model'
    this.dimensions = options.dimensions ?? 16
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  fail(fault: Fault, times = Number.POSITIVE_INFINITY): void {
    this.#fault = { fault, left: times }
  }

  recover(): void {
    this.#fault = undefined
  }

  nextRequest(): Promise<RecordedRequest> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async start(): Promise<void> {
    if (this.#server) return
    this.#server = createServer((request, response) => void this.#serve(request, response))
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (!server) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const speech = SPEECHES[this.dialect]
    const path = request.url ?? '/'
    const text = await bodyOf(request)
    const information = request.method === 'GET' ? speech.information(path, this) : undefined
    if (information !== undefined) return send(response, 200, information)
    const texts = request.method === 'POST' ? speech.texts(path, JSON.parse(text)) : undefined
    if (texts === undefined) return send(response, 404, { detail: 'Not Found' })

    const { authorization } = request.headers
    const recorded = { path, texts, authorization }
    this.requests.push(recorded)
    for (const resolve of this.#waiting.splice(0)) resolve(recorded)

    const { apiKey, batchSizeMax = 32, poison } = this.options
    const fault = this.#takeFault()
    if (fault && (await answersFault(response, fault, speech))) return
    if (apiKey && authorization !== `Bearer ${apiKey}`) {
      return send(response, 401, speech.error(`Incorrect API key provided: ${authorization}`, 'invalid_api_key'))
    }
    if (texts.length > batchSizeMax) {
      const status = this.dialect === 'openai' ? 400 : 413
      return send(response, status, speech.error(`batch size ${texts.length} > ${batchSizeMax}`, 'Batch size error'))
    }
    const poisoned = poison && texts.find((candidate) => candidate.includes(poison))
    const refusal = this.dialect.startsWith('service') ? 500 : 400
    if (poisoned) return send(response, refusal, speech.error(`cannot embed "${poisoned}"`, 'invalid_request_error'))
    const sound = texts.map((each) => vectorOf(each, this.dimensions))
    const vectors = corrupt(sound, fault)
    sendText(response, 200, JSON.stringify(speech.answer(path, vectors, this, fault)).replaceAll('"NaN"', 'NaN'))
  }

  #takeFault(): Fault | undefined {
    if (!this.#fault) return undefined
    const { fault } = this.#fault
    this.#fault.left--
    if (this.#fault.left <= 0) this.#fault = undefined
    return fault
  }
}

type Component = number | null | 'NaN'

/** How one dialect reads requests and words answers. */
interface Speech {
  /** The answer to a GET, undefined when there is no such path. */
  information(path: string, standIn: StandIn): unknown
  /** The texts of a request for vectors, undefined when there is no such path. */
  texts(path: string, body: Record<string, unknown>): string[] | undefined
  answer(path: string, vectors: Component[][], standIn: StandIn, fault: Fault | undefined): unknown
  error(message: string, type: string): unknown
}

const SPEECHES: Record<DialectName, Speech> = {
  openai: {
    information: () => undefined,
    texts: (path, body) => (path === '/v1/embeddings' ? (body.input as string[]) : undefined),
    // Backwards on purpose: only `index` tells the order.
    answer: (_path, vectors, { model }) => ({
      object: 'list',
      model,
      data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })).reverse(),
    }),
    error: (message, type) => ({ error: { message, type, param: null, code: type } }),
  },
  ollama: {
    information: () => undefined,
    texts: (path, body) => (path === '/api/embed' ? (body.input as string[]) : undefined),
    answer: (_path, vectors, { model }) => ({ model, embeddings: vectors, total_duration: 1 }),
    error: (message) => ({ error: message }),
  },
  tei: {
    information: (path, { model }) => (path === '/info' ? { model_id: model, max_client_batch_size: 32 } : undefined),
    texts: (path, body) => (path === '/embed' ? (body.inputs as string[]) : undefined),
    answer: (_path, vectors) => vectors,
    error: (message, type) => ({ error: message, error_type: type }),
  },
  service: serviceSpeech('/batch', (path, { model, dimensions }) => {
    if (path === '/health')
      return { status: 'healthy', model_loaded: true, embedding_model: model, embedding_dim: dimensions }
    return path === '/stats' ? { cache_size: 0, model, dimensions, model_loaded: true } : undefined
  }),
  'service-embed-batch': serviceSpeech('/embed/batch', (path, { model }) => {
    if (path === '/health') return { status: 'healthy' }
    return path === '/stats' ? { model } : undefined
  }),
  'service-bare': {
    ...serviceSpeech(undefined, (path) => {
      if (path === '/health') return { status: 'healthy', metal_available: false }
      return path === '/stats' ? { embeddings_generated: 1, cache_size: 1 } : undefined
    }),
    answer: (_path, [embedding]) => ({ embedding }),
  },
}

function serviceSpeech(batchPath: string | undefined, information: Speech['information']): Speech {
  return {
    information,
    texts: (path, body) => {
      if (path === '/embed') return [body.text as string]
      return path === batchPath ? (body.texts as string[]) : undefined
    },
    answer: (path, vectors, { model, dimensions }, fault) => {
      if (path === '/embed') return { embedding: vectors[0], cached: false, model, dimensions }
      const embeddings = vectors.map((embedding, index) =>
        fault?.kind === 'item_error' && index === 0 ? { error: 'encode failed' } : { embedding, cached: false },
      )
      return { embeddings, model, dimensions, total: embeddings.length, cached: 0 }
    },
    error: (message) => ({ detail: message }),
  }
}

/** Answers, or never answers, faults that leave no vectors; false when the vectors are still to be sent. */
async function answersFault(response: ServerResponse, fault: Fault, speech: Speech): Promise<boolean> {
  switch (fault.kind) {
    case 'status':
      if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter)
      send(response, fault.status, fault.body ?? speech.error('stand-in fault', 'stand_in_fault'))
      return true
    case 'hang':
      return true
    case 'not_json':
      sendText(response, 200, '<html>it works</html>')
      return true
    case 'dies_midway':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('{"data":[')
      await new Promise((resolve) => setImmediate(resolve))
      response.destroy()
      return true
    default:
      return false
  }
}

function corrupt(vectors: number[][], fault: Fault | undefined): Component[][] {
  switch (fault?.kind) {
    case 'nan':
      return vectors.map(([, ...rest]) => ['NaN', ...rest])
    case 'null_component':
      return vectors.map(([, ...rest]) => [null, ...rest])
    case 'zero':
      return vectors.map((vector) => vector.map(() => 0))
    case 'wrong_dimension':
      return vectors.map((vector) => vector.slice(1))
    case 'one_missing':
      return vectors.slice(1)
    default:
      return vectors
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

function send(response: ServerResponse, status: number, body: unknown): void {
  sendText(response, status, JSON.stringify(body))
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(text)
}
