import { afterEach, describe, expect, it } from 'vitest'
import { createEmbedder, type Embedder, type EmbedderConfig } from '../../../src/knowledge/embedders/index.ts'
import { type DialectName, type Fault, type StandIn, type StandInOptions, startStandIn } from './stand-ins.ts'

const KEY = 'sk-very-secret-0123456789'
const USER_TEXT = 'the launch code is 0000'
const NETWORKED: [DialectName, EmbedderConfig][] = [
  ['openai', { kind: 'openai', model: 'stand-in-model' }],
  ['ollama', { kind: 'ollama', model: 'stand-in-model' }],
  ['tei', { kind: 'tei' }],
  ['service', { kind: 'service' }],
]

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function connect(
  dialect: DialectName,
  config: EmbedderConfig,
  options?: StandInOptions,
): Promise<{ standIn: StandIn; embedder: Embedder }> {
  const standIn = await startStandIn(dialect, options)
  const embedder = createEmbedder({ ...config, url: standIn.url })
  cleanups.push(
    () => embedder.stop(),
    () => standIn.stop(),
  )
  return { standIn, embedder }
}

const texts = (count: number) => Array.from({ length: count }, (_, index) => `text ${index}`)

async function failureOf(call: Promise<unknown>): Promise<Record<string, unknown>> {
  const error = await call.then(
    () => expect.fail('the call should have failed'),
    (thrown: unknown) => thrown,
  )
  return error as Record<string, unknown>
}

/** Everything a log would print of an error and its causes. */
function printed(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { message, stack, cause } = error
  return [message, stack, JSON.stringify(error), cause === undefined ? '' : printed(cause)].join('\n')
}

describe.each(NETWORKED)('%s, when things go wrong', (dialect, config) => {
  const nonsense: [Fault, RegExp][] = [
    [{ kind: 'nan' }, /not JSON/],
    [{ kind: 'null_component' }, /no number/],
    [{ kind: 'zero' }, /zero or not finite/],
    [{ kind: 'wrong_dimension' }, /15 components where 16/],
    [{ kind: 'one_missing' }, /vectors for|wrong index/],
    [{ kind: 'not_json' }, /not JSON/],
    [{ kind: 'dies_midway' }, /cannot be reached/],
    [{ kind: 'status', status: 401 }, /status 401/],
    [{ kind: 'status', status: 404, body: { error: 'model not found' } }, /status 404/],
    [{ kind: 'status', status: 500 }, /status 500/],
    [{ kind: 'status', status: 503 }, /answered 503/],
  ]

  it.each(nonsense)(`${dialect}: refuses %j and works again afterwards`, async (fault, message) => {
    const { standIn, embedder } = await connect(dialect, config)
    await embedder.embed(['learns the dimension'], 'document')
    standIn.fail(fault)
    const failure = await failureOf(embedder.embed([USER_TEXT, 'another'], 'query'))
    expect(failure).toMatchObject({ code: 'embedder_unavailable', message: expect.stringMatching(message) })
    expect(failure.next).toBeTruthy()
    standIn.recover()
    expect(await embedder.embed([USER_TEXT, 'another'], 'query')).toHaveLength(2)
  })

  it(`${dialect}: gives up on a server that hangs`, async () => {
    const { standIn, embedder } = await connect(dialect, { ...config, timeoutMs: 100 })
    await embedder.space()
    standIn.fail({ kind: 'hang' })
    const failure = await failureOf(embedder.embed(['text'], 'query'))
    expect(failure).toMatchObject({ code: 'embedder_unavailable', message: expect.stringContaining('within 100 ms') })
  })

  it(`${dialect}: an abort ends a hanging request at once`, async () => {
    const { standIn, embedder } = await connect(dialect, config)
    await embedder.space()
    standIn.fail({ kind: 'hang' })
    const abort = new AbortController()
    const arrived = standIn.nextRequest()
    const call = failureOf(embedder.embed(['text'], 'document', abort.signal))
    await arrived
    abort.abort(new Error('enough'))
    expect(await call).toMatchObject({ message: 'enough' })
  })

  it(`${dialect}: stop ends a hanging request at once`, async () => {
    const { standIn, embedder } = await connect(dialect, config)
    await embedder.space()
    standIn.fail({ kind: 'hang' })
    const arrived = standIn.nextRequest()
    const call = failureOf(embedder.embed(['text'], 'document'))
    await arrived
    await embedder.stop()
    expect(await call).toMatchObject({ code: 'embedder_unavailable', message: expect.stringContaining('stopped') })
  })

  it(`${dialect}: says so when nobody listens, and recovers by itself`, async () => {
    const { standIn, embedder } = await connect(dialect, config)
    await embedder.embed(['text'], 'query')
    await standIn.stop()
    expect(await failureOf(embedder.embed(['text'], 'query'))).toMatchObject({ code: 'embedder_unavailable' })
    const health = await embedder.health()
    expect(health).toMatchObject({ reachable: false, detail: expect.stringContaining('cannot be reached') })
    await standIn.start()
    expect(await embedder.embed(['text'], 'query')).toHaveLength(1)
    expect(await embedder.health()).toEqual({ reachable: true })
  })

  it(`${dialect}: survives a restart between two calls without an error`, async () => {
    const { standIn, embedder } = await connect(dialect, config)
    await embedder.embed(['text'], 'query')
    await standIn.stop()
    await standIn.start()
    expect(await embedder.embed(['text'], 'query')).toHaveLength(1)
  })

  it.each(['0', new Date(0).toUTCString()])(`${dialect}: retries after 429 with Retry-After %s`, async (retryAfter) => {
    const { standIn, embedder } = await connect(dialect, config)
    await embedder.space()
    standIn.fail({ kind: 'status', status: 429, retryAfter }, 1)
    const before = standIn.requests.length
    expect(await embedder.embed(['text'], 'query')).toHaveLength(1)
    expect(standIn.requests.length - before).toBe(2)
  })

  it(`${dialect}: does not wait longer than is sensible, and says how long it would be`, async () => {
    const { standIn, embedder } = await connect(dialect, config)
    await embedder.space()
    standIn.fail({ kind: 'status', status: 429, retryAfter: '3600' })
    const before = standIn.requests.length
    expect(await failureOf(embedder.embed(['text'], 'document'))).toMatchObject({
      code: 'embedder_unavailable',
      retryAfterSeconds: 3600,
    })
    expect(standIn.requests.length - before).toBe(1)
  })

  it(`${dialect}: retries are bounded`, async () => {
    const { standIn, embedder } = await connect(dialect, config)
    await embedder.space()
    standIn.fail({ kind: 'status', status: 503, retryAfter: '0' })
    const before = standIn.requests.length
    await failureOf(embedder.embed(['text'], 'document'))
    expect(standIn.requests.length - before).toBe(4)
  })

  it(`${dialect}: halves batches that are too large and remembers`, async () => {
    const { standIn, embedder } = await connect(dialect, config, { batchSizeMax: 8 })
    expect(await embedder.embed(texts(32), 'document')).toHaveLength(32)
    const before = standIn.requests.length
    await embedder.embed(texts(32), 'document')
    const sizes = standIn.requests.slice(before).map((request) => request.texts.length)
    // openai says 400, which may be about anything, so it is not remembered.
    expect(sizes).toEqual(dialect === 'openai' ? [32, 16, 8, 8, 16, 8, 8] : [8, 8, 8, 8])
  })

  it(`${dialect}: names the one text that is refused`, async () => {
    const { embedder } = await connect(dialect, config, { poison: 'launch code' })
    const failure = await failureOf(embedder.embed([...texts(40), USER_TEXT, 'tail'], 'document'))
    expect(failure).toMatchObject({ code: 'invalid_input', errors: [{ pointer: '/texts/40' }] })
    expect(printed(failure)).not.toContain('launch')
    expect(await embedder.embed(texts(3), 'document')).toHaveLength(3)
  })

  it(`${dialect}: a failure that passes is not blamed on the text`, async () => {
    const { standIn, embedder } = await connect(dialect, config)
    await embedder.space()
    standIn.fail({ kind: 'status', status: 500 }, 1)
    expect(await embedder.embed(['text'], 'query')).toHaveLength(1)
  })

  it(`${dialect}: sends the key, and never tells it`, async () => {
    const { standIn, embedder } = await connect(dialect, { ...config, apiKey: KEY }, { apiKey: 'another' })
    const refused = await failureOf(embedder.embed([USER_TEXT], 'document'))
    expect(refused).toMatchObject({ code: 'embedder_unavailable', message: expect.stringContaining('401') })
    expect(standIn.requests.at(-1)?.authorization).toBe(`Bearer ${KEY}`)
    await standIn.stop()
    const unreachable = await failureOf(embedder.embed([USER_TEXT], 'query'))
    for (const failure of [refused, unreachable]) {
      expect(printed(failure)).not.toContain(KEY)
      expect(printed(failure)).not.toContain(USER_TEXT)
    }
  })
})

describe('openai', () => {
  it('waits as long as Retry-After says', async () => {
    const { standIn, embedder } = await connect('openai', { kind: 'openai', model: 'm' })
    standIn.fail({ kind: 'status', status: 429, retryAfter: '1' }, 1)
    const begun = performance.now()
    expect(await embedder.embed(['text'], 'query')).toHaveLength(1)
    expect(performance.now() - begun).toBeGreaterThanOrEqual(990)
  })

  it('falls back from /v1/embeddings, and honours a path in the URL', async () => {
    const { standIn } = await connect('openai', { kind: 'openai', model: 'm' })
    const embedder = createEmbedder({ kind: 'openai', model: 'm', url: `${standIn.url}/v1/` })
    await embedder.embed(['text'], 'query')
    expect(standIn.requests.at(-1)?.path).toBe('/v1/embeddings')
    const lost = createEmbedder({ kind: 'openai', model: 'm', url: `${standIn.url}/elsewhere` })
    expect(await failureOf(lost.embed(['text'], 'query'))).toMatchObject({ message: expect.stringContaining('404') })
  })

  it('names the kind of a refusal in each of the three shapes, and nothing else of it', async () => {
    const { standIn, embedder } = await connect('openai', { kind: 'openai', model: 'm' })
    const shapes = [
      { error: { message: USER_TEXT, type: 'bad_model', code: null } },
      { error: USER_TEXT, error_type: 'bad_model' },
      { message: USER_TEXT, code: 422, type: 'bad_model' },
    ]
    for (const body of shapes) {
      standIn.fail({ kind: 'status', status: 403, body }, 1)
      const failure = await failureOf(embedder.embed([USER_TEXT], 'query'))
      expect(failure.message).toBe('the openai embedder refuses requests (status 403, bad_model)')
    }
  })
})

describe('prefixes', () => {
  it('go before the texts of a model that wants them', async () => {
    const model = 'nomic-ai/nomic-embed-text-v1.5'
    const { standIn, embedder } = await connect('tei', { kind: 'tei' }, { model, dimensions: 768 })
    await embedder.embed(['q'], 'query')
    await embedder.embed(['d'], 'document')
    expect(standIn.requests.map((request) => request.texts)).toEqual([['search_query: q'], ['search_document: d']])
    expect(await embedder.space()).toEqual({ model, dimensions: 768, prefixScheme: 'nomic' })
  })
})

describe.each<[DialectName, EmbedderConfig]>([
  ['tei', { kind: 'tei' }],
  ['service', { kind: 'service' }],
  ['service-embed-batch', { kind: 'service' }],
])('%s, whose server names its model', (dialect, config) => {
  it(`${dialect}: refuses a server that runs another model than is configured`, async () => {
    const { embedder } = await connect(dialect, { ...config, model: 'bge-m3' })
    const failure = await failureOf(embedder.embed(['text'], 'query'))
    expect(failure).toMatchObject({ code: 'space_mismatch', message: expect.stringContaining('stand-in-model') })
    expect(await failureOf(embedder.space())).toMatchObject({ code: 'space_mismatch' })
    expect(await embedder.health()).toMatchObject({ reachable: false, detail: expect.stringContaining('bge-m3') })
  })

  it(`${dialect}: accepts the same model under another spelling, and keeps the operator's`, async () => {
    const options = { model: 'BAAI/bge-m3', dimensions: 1024 }
    const { embedder } = await connect(dialect, { ...config, model: 'bge-m3' }, options)
    expect(await embedder.space()).toEqual({ model: 'bge-m3', dimensions: 1024, prefixScheme: 'none' })
  })

  it(`${dialect}: notices another model of the same dimension after a restart`, async () => {
    const { standIn, embedder } = await connect(dialect, config)
    await embedder.embed(['text'], 'query')
    await standIn.stop()
    standIn.model = 'another-model'
    await standIn.start()
    expect(await failureOf(embedder.embed(['text'], 'query'))).toMatchObject({ code: 'space_mismatch' })
    standIn.model = 'stand-in-model'
    expect(await embedder.embed(['text'], 'query')).toHaveLength(1)
  })
})

describe('the local service', () => {
  it('asks again, alone, for a text that failed inside a batch', async () => {
    const { standIn, embedder } = await connect('service', { kind: 'service' })
    await embedder.space()
    standIn.fail({ kind: 'item_error' }, 1)
    expect(await embedder.embed(texts(3), 'document')).toHaveLength(3)
    expect(standIn.requests.slice(-2).map(({ path }) => path)).toEqual(['/batch', '/embed'])
  })

  it.each<[DialectName, string[]]>([
    ['service', ['/batch']],
    ['service-embed-batch', ['/embed/batch']],
    ['service-bare', ['/embed', '/embed', '/embed']],
  ])('%s: three texts go to %j', async (dialect, paths) => {
    const { standIn, embedder } = await connect(dialect, { kind: 'service' })
    await embedder.space()
    const before = standIn.requests.length
    await embedder.embed(texts(3), 'document')
    expect(standIn.requests.slice(before).map(({ path }) => path)).toEqual(paths)
  })

  it('has a name even where the server gives none', async () => {
    const { embedder } = await connect('service-bare', { kind: 'service' })
    expect(await embedder.space()).toEqual({ model: 'service', dimensions: 16, prefixScheme: 'none' })
  })
})
