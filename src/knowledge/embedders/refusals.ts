import { TurboError } from '../../base/errors.ts'
import type { HttpAnswer } from './http-client.ts'

const NEXT: Record<number, string> = {
  401: 'Set AGENT_TURBO_EMBEDDER_KEY to a valid key.',
  403: 'Set AGENT_TURBO_EMBEDDER_KEY to a key that may use this model.',
  404: 'Check the URL and the model: the service must have it loaded or pulled.',
}
const NEXT_OTHERWISE = 'Check that the configured URL and model are those of an embedding model.'

/** A word that names a kind of error, such as `invalid_api_key` or `Batch size error`; anything else may be user text. */
const KIND_OF_ERROR = /^[A-Za-z][\w .-]{0,39}$/

/** The error for an answer that refuses the request as a whole. Holds nothing that could quote a text or a key. */
export function describeRefusal(embedder: string, { status, body }: HttpAnswer): TurboError {
  const kind = kindOfError(body)
  return new TurboError(
    'embedder_unavailable',
    `the ${embedder} embedder refuses requests (status ${status}${kind === undefined ? '' : `, ${kind}`})`,
    { next: NEXT[status] ?? NEXT_OTHERWISE },
  )
}

/**
 * The word for the error in the shapes that servers use: `{error: {code, type, message}}` (OpenAI, Ollama's `/v1`),
 * `{error, error_type}` (TEI), flat `{code, type, message}` (TEI's `/v1`). Messages are left out: they quote input.
 */
function kindOfError(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const outer = body as Record<string, unknown>
  const inner =
    typeof outer.error === 'object' && outer.error !== null ? (outer.error as Record<string, unknown>) : outer
  const words = [inner.code, inner.type, outer.error_type]
  return words.find((word): word is string => typeof word === 'string' && KIND_OF_ERROR.test(word))
}
