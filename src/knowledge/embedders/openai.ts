import type { Dialect } from './http-embedder.ts'
import { createRoutes } from './routes.ts'
import { nonsense } from './vectors.ts'

/**
 * OpenAI's `/v1/embeddings`, which OpenAI, LM Studio, vLLM, llama.cpp and Infinity speak. A base URL without a path
 * is tried with `/v1` first, then without (Infinity).
 */
export function openaiDialect(url: string): Dialect {
  const routes = createRoutes(new URL(url).pathname === '/' ? ['/v1/embeddings', '/embeddings'] : ['/embeddings'])
  return {
    name: 'openai',
    reset: routes.reset,
    async embed(client, { texts, model, kind, signal }) {
      // Some servers send base64 unless told otherwise.
      const body = { input: texts, model, encoding_format: 'float' }
      const answer = await routes.post(client, { body, kind, signal })
      if (answer === undefined) return { refused: { status: 404, body: undefined } }
      if (answer.status !== 200) return { refused: answer }
      return { vectors: inOrder((answer.body as { data?: unknown } | null | undefined)?.data, texts.length) }
    },
  }
}

/** The vectors by their `index`: the order of the list is not promised. */
function inOrder(data: unknown, count: number): unknown[] {
  if (!Array.isArray(data)) throw nonsense('openai', 'no list of embeddings')
  const vectors: unknown[] = []
  for (const [place, entry] of data.entries()) {
    const { index = place, embedding } = (entry ?? {}) as { index?: unknown; embedding?: unknown }
    const free = Number.isInteger(index) && Number(index) >= 0 && Number(index) < count && !(Number(index) in vectors)
    if (!free) throw nonsense('openai', 'an embedding with a wrong index')
    vectors[Number(index)] = embedding
  }
  return vectors
}
