import { invalid, TurboError } from '../../base/errors.ts'

/** The limit of a halfvec HNSW index in pgvector. */
export const DIMENSIONS_MAX = 4000

/**
 * The vector scaled to length 1.
 *
 * @param dimensions components it must have; undefined when this first answer decides
 * @throws TurboError `embedder_unavailable` for a wrong dimension, a component that is no finite number, or length 0
 */
export function unitVector(
  values: ArrayLike<unknown>,
  dimensions: number | undefined,
  embedder: string,
): Float32Array<ArrayBuffer> {
  if (values.length < 1 || values.length > DIMENSIONS_MAX || values.length !== (dimensions ?? values.length)) {
    const expected = dimensions ?? `1 to ${DIMENSIONS_MAX}`
    throw nonsense(embedder, `a vector of ${values.length} components where ${expected} were expected`)
  }
  let squares = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value !== 'number') throw nonsense(embedder, 'a vector with a component that is no number')
    squares += value * value
  }
  const length = Math.sqrt(squares)
  if (!Number.isFinite(length) || length === 0) throw nonsense(embedder, 'a vector that is zero or not finite')
  return Float32Array.from(values as ArrayLike<number>, (value) => value / length)
}

/** An answer that cannot be stored. It counts as an outage: what waits is embedded once the server is mended. */
export function nonsense(embedder: string, what: string): TurboError {
  return new TurboError('embedder_unavailable', `the ${embedder} embedder answered ${what}`, {
    next: 'Check that the configured URL and model are those of an embedding model.',
  })
}

/** Refuses blank texts: servers disagree on them (an error, an empty list, a vector of nothing). */
export function refuseBlank(texts: readonly string[]): void {
  const blank = texts.findIndex((text) => text.trim() === '')
  if (blank >= 0) throw invalid(`/texts/${blank}`, 'must hold something other than white space')
}
