import { TurboError } from '../../base/errors.ts'
import type { HttpAnswer, HttpClient } from './http-client.ts'
import type { BatchAnswer, BatchRequest, Dialect } from './http-embedder.ts'
import { createRoutes } from './routes.ts'
import { nonsense } from './vectors.ts'

/** The fields that some variant of the service sends; each may be missing. */
interface ServiceBody {
  embedding?: unknown
  embeddings?: unknown
  model?: unknown
  embedding_model?: unknown
  model_loaded?: unknown
}

/**
 * The local embedding service (port 8765) in all its variants: one text at `/embed`; many at `/batch`, at
 * `/embed/batch` or nowhere; a model name in the answer, in `/health`, in `/stats` or nowhere.
 */
export function serviceDialect(): Dialect {
  const batchRoutes = createRoutes(['/batch', '/embed/batch'])
  return {
    name: 'service',
    reset: batchRoutes.reset,
    identify: askForModel,
    async embed(client, request) {
      if (request.texts.length === 1) return embedEach(client, request)
      const { texts, kind, signal } = request
      const answer = await batchRoutes.post(client, { body: { texts }, kind, signal })
      if (answer === undefined) return embedEach(client, request)
      if (answer.status !== 200) return { refused: answer }
      return readBatch(client, request, bodyOf(answer))
    },
  }
}

async function askForModel(client: HttpClient): Promise<string | undefined> {
  const health = bodyOf(await client.request({ method: 'GET', path: '/health', kind: 'query' }))
  if (health.model_loaded === false) {
    throw new TurboError('embedder_unavailable', 'the service embedder has not loaded its model yet', {
      next: 'Wait until its /health says model_loaded; a first load takes about 30 s.',
      retryAfterSeconds: 5,
    })
  }
  const stats = async () => bodyOf(await client.request({ method: 'GET', path: '/stats', kind: 'query' }))
  const answer = async () =>
    bodyOf(await client.request({ method: 'POST', path: '/embed', body: { text: 'probe' }, kind: 'document' }))
  return modelName(health) ?? modelName(await stats()) ?? modelName(await answer())
}

async function embedEach(client: HttpClient, request: BatchRequest): Promise<BatchAnswer> {
  const vectors: unknown[] = []
  let model: string | undefined
  for (const text of request.texts) {
    const { kind, signal } = request
    const answer = await client.request({ method: 'POST', path: '/embed', body: { text }, kind, signal })
    if (answer.status !== 200) return { refused: answer }
    const body = bodyOf(answer)
    vectors.push(body.embedding)
    model = modelName(body)
  }
  return { vectors, model }
}

/** A batch may hold errors of single texts inside a 200; those texts are asked for again, one by one. */
async function readBatch(client: HttpClient, request: BatchRequest, body: ServiceBody): Promise<BatchAnswer> {
  const { embeddings } = body
  if (!Array.isArray(embeddings)) throw nonsense('service', 'no list of embeddings')
  if (embeddings.length !== request.texts.length) return { vectors: embeddings }
  const vectors: unknown[] = []
  for (const [index, text] of request.texts.entries()) {
    const entry = embeddings[index] as ServiceBody | unknown[] | null
    const vector = Array.isArray(entry) ? entry : entry?.embedding
    if (vector !== undefined) {
      vectors.push(vector)
      continue
    }
    const single = await embedEach(client, { ...request, texts: [text] })
    if ('refused' in single) return single
    vectors.push(...single.vectors)
  }
  return { vectors, model: modelName(body) }
}

function bodyOf({ body }: HttpAnswer): ServiceBody {
  return typeof body === 'object' && body !== null ? body : {}
}

function modelName({ embedding_model: own, model }: ServiceBody): string | undefined {
  return [own, model].find((name): name is string => typeof name === 'string' && name !== '')
}
