import { must } from '../../base/assert.ts'
import { invalid, isTurboError, TurboError } from '../../base/errors.ts'
import { healthOf } from './health.ts'
import { createHttpClient, type HttpAnswer, type HttpClient, withRetries } from './http-client.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { type ModelTraits, modelTraits, sameModel, withPrefix } from './models.ts'
import type { Embedder, EmbedderHealth, EmbeddingSpaceIdentity, EmbedKind } from './port.ts'
import { describeRefusal } from './refusals.ts'
import { nonsense, refuseBlank, unitVector } from './vectors.ts'

/** Vectors as they came, and the model that the server says made them. */
export interface Served {
  vectors: unknown[]
  model?: string
}

/** What a service answered to one batch: vectors, or the answer with which it refused. */
export type BatchAnswer = Served | { refused: HttpAnswer }

export interface BatchRequest {
  texts: readonly string[]
  model: string
  kind: EmbedKind
  signal?: AbortSignal
}

/** How one kind of service is spoken to. A dialect holds no state but what it learned of its server's routes. */
export interface Dialect {
  readonly name: string
  embed(client: HttpClient, request: BatchRequest): Promise<BatchAnswer>
  /**
   * The model that the server says it runs, undefined when it does not say. Only for servers that run one model,
   * whatever the request names.
   *
   * @throws TurboError `embedder_unavailable` when the server is not ready
   */
  identify?(client: HttpClient): Promise<string | undefined>
  /** Forgets what was learned: the server may have been replaced. */
  reset?(): void
}

export interface HttpEmbedderOptions {
  url: string
  /** Undefined when the server is to tell. */
  model?: string
  apiKey?: string
  /** Texts a request, 1 to 32 by default. */
  batchSizeMax?: number
  /** For one request; queries wait 5 s at most. Default 30,000. */
  timeoutMs?: number
}

const BATCH_SIZE_MAX_DEFAULT = 32
const TIMEOUT_MS_DEFAULT = 30_000
/** Queries have their own lane, since a batch of documents may keep a server busy for seconds. */
const REQUESTS_AT_ONCE: Record<EmbedKind, number> = { query: 8, document: 2 }
/** Refusals that a smaller batch, or one without the offending text, may not meet. llama.cpp says 500 of a long text. */
const SPLIT_STATUSES = new Set([400, 413, 422, 500])
const PROBE_TEXT = 'probe'
/** A model's name comes from a server, so its length in a message is bounded. */
const NAME_SHOWN_CHARS_MAX = 200

interface Batch {
  /** Place of the first text in the call, for messages. */
  offset: number
  texts: readonly string[]
}

/** An embedder behind HTTP: batches, halves what is too large, and trusts no answer. */
export function createHttpEmbedder(dialect: Dialect, options: HttpEmbedderOptions): Embedder {
  return new HttpEmbedder(dialect, options)
}

class HttpEmbedder implements Embedder {
  readonly name: string
  readonly #dialect: Dialect
  readonly #client: HttpClient
  readonly #lanes: Lanes
  #batchSize: number
  #model: string | undefined
  #traits: ModelTraits
  #dimensions: number | undefined
  /** The model's name as agreed with the server; undefined until asked, and again after an outage. */
  #agreement: Promise<string> | undefined

  constructor(dialect: Dialect, { url, apiKey, model, ...options }: HttpEmbedderOptions) {
    const timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT
    this.name = dialect.name
    this.#dialect = dialect
    this.#client = createHttpClient({ embedder: dialect.name, url, apiKey, timeoutMs })
    this.#lanes = createLanes(dialect.name, REQUESTS_AT_ONCE)
    this.#batchSize = options.batchSizeMax ?? BATCH_SIZE_MAX_DEFAULT
    this.#model = model
    this.#traits = modelTraits(model ?? '')
    this.#dimensions = this.#traits.dimensions
  }

  get traits(): ModelTraits {
    return this.#traits
  }

  async space(): Promise<EmbeddingSpaceIdentity> {
    const model = await this.#agreed('document')
    if (this.#dimensions === undefined) await this.embed(['dimension'], 'document')
    const dimensions = must(this.#dimensions, 'an answer tells the dimension')
    return { model, dimensions, prefixScheme: this.#traits.prefixes.name }
  }

  async embed(texts: readonly string[], kind: EmbedKind, signal?: AbortSignal): Promise<Float32Array[]> {
    refuseBlank(texts)
    const vectors = await this.#lanes.run(split(texts, this.#batchSize), kind, signal, (batch, ended) =>
      this.#persist(kind, ended, (model) => this.#embedBatch(batch, { model, kind, signal: ended })),
    )
    return vectors.flat()
  }

  health(): Promise<EmbedderHealth> {
    return healthOf(async () => {
      if (this.#dialect.identify === undefined) return this.embed(['health'], 'query')
      this.#forgetServer()
      return this.#agreed('query')
    })
  }

  async stop(): Promise<void> {
    this.#lanes.stop()
  }

  /** The model's name, once the server and this embedder agree on it. */
  #agreed(kind: EmbedKind): Promise<string> {
    return this.#persist(kind, undefined, async (model) => model)
  }

  /** Retries `work`, each time after agreeing on the model anew: what answers after an outage may be another server. */
  #persist<T>(kind: EmbedKind, signal: AbortSignal | undefined, work: (model: string) => Promise<T>): Promise<T> {
    return withRetries(kind, signal, async () => {
      try {
        this.#agreement ??= this.#askForModel()
        return await work(await this.#agreement)
      } catch (error) {
        if (isTurboError(error)) this.#forgetServer()
        throw error
      }
    })
  }

  async #askForModel(): Promise<string> {
    return this.#adopt((await this.#dialect.identify?.(this.#client)) ?? this.#model ?? this.name)
  }

  #adopt(served: string): string {
    if (this.#model === undefined) {
      this.#model = served
      this.#traits = modelTraits(served)
      this.#dimensions = this.#traits.dimensions
    }
    if (!sameModel(served, this.#model)) throw otherModel(this.name, served, this.#model)
    return this.#model
  }

  #forgetServer(): void {
    this.#agreement = undefined
    this.#dialect.reset?.()
  }

  async #embedBatch(batch: Batch, how: Omit<BatchRequest, 'texts'>): Promise<Float32Array[]> {
    const texts = batch.texts.map((text) => withPrefix(this.#traits.prefixes, how.kind, text))
    const request: BatchRequest = { ...how, texts }
    const answer = await this.#dialect.embed(this.#client, request)
    if ('vectors' in answer) return this.#readVectors(answer, texts.length)
    const { status } = answer.refused
    if (!SPLIT_STATUSES.has(status)) throw describeRefusal(this.name, answer.refused)
    if (texts.length === 1) return this.#judgeText(batch, request)

    const half = Math.ceil(texts.length / 2)
    const first = await this.#embedBatch({ ...batch, texts: batch.texts.slice(0, half) }, how)
    const second = await this.#embedBatch({ offset: batch.offset + half, texts: batch.texts.slice(half) }, how)
    if (status === 413) this.#batchSize = Math.min(this.#batchSize, half)
    return [...first, ...second]
  }

  /** A single text was refused: is it this text, every request (a wrong model name), or was it a passing failure? */
  async #judgeText(batch: Batch, request: BatchRequest): Promise<Float32Array[]> {
    const probe = await this.#dialect.embed(this.#client, { ...request, texts: [PROBE_TEXT] })
    if ('refused' in probe) throw describeRefusal(this.name, probe.refused)
    const again = await this.#dialect.embed(this.#client, request)
    if ('vectors' in again) return this.#readVectors(again, 1)
    const { status } = again.refused
    throw invalid(`/texts/${batch.offset}`, `the ${this.name} embedder refuses this text (status ${status})`)
  }

  #readVectors({ vectors, model }: Served, count: number): Float32Array[] {
    if (model !== undefined) this.#adopt(model)
    if (vectors.length !== count) throw nonsense(this.name, `${vectors.length} vectors for ${count} texts`)
    return vectors.map((values) => {
      if (!Array.isArray(values)) throw nonsense(this.name, 'something else than a vector')
      const vector = unitVector(values, this.#dimensions, this.name)
      this.#dimensions ??= vector.length
      return vector
    })
  }
}

function split(texts: readonly string[], size: number): Batch[] {
  return Array.from({ length: Math.ceil(texts.length / size) }, (_, index) => ({
    offset: index * size,
    texts: texts.slice(index * size, (index + 1) * size),
  }))
}

function otherModel(embedder: string, served: string, wanted: string): TurboError {
  const shown = served.slice(0, NAME_SHOWN_CHARS_MAX)
  return new TurboError('space_mismatch', `the ${embedder} embedder runs ${shown}, but ${wanted} is expected`, {
    next: 'Start the service with the expected model, or re-embed with: agent-turbo embeddings use <model>',
  })
}
