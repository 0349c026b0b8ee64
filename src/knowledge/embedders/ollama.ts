import type { Dialect } from './http-embedder.ts'
import { nonsense } from './vectors.ts'

/** Ollama's `/api/embed`. The older `/api/embeddings` takes one text and does not normalise; it is not used. */
export function ollamaDialect(): Dialect {
  return {
    name: 'ollama',
    async embed(client, { texts, model, kind, signal }) {
      const body = { model, input: texts, truncate: true }
      const answer = await client.request({ method: 'POST', path: '/api/embed', body, kind, signal })
      if (answer.status !== 200) return { refused: answer }
      const vectors = (answer.body as { embeddings?: unknown } | null | undefined)?.embeddings
      if (!Array.isArray(vectors)) throw nonsense('ollama', 'no list of embeddings')
      return { vectors }
    },
  }
}
