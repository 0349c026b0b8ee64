import type { Dialect } from './http-embedder.ts'
import { nonsense } from './vectors.ts'

/** Hugging Face Text Embeddings Inference: `/embed`, at most 32 texts a request unless started otherwise. */
export function teiDialect(): Dialect {
  return {
    name: 'tei',
    async identify(client) {
      const { status, body } = await client.request({ method: 'GET', path: '/info', kind: 'query' })
      const model = (body as { model_id?: unknown } | null | undefined)?.model_id
      return status === 200 && typeof model === 'string' ? model : undefined
    },
    async embed(client, { texts, kind, signal }) {
      const body = { inputs: texts, normalize: true, truncate: true }
      const answer = await client.request({ method: 'POST', path: '/embed', body, kind, signal })
      if (answer.status !== 200) return { refused: answer }
      if (!Array.isArray(answer.body)) throw nonsense('tei', 'no list of embeddings')
      return { vectors: answer.body }
    },
  }
}
