import { invalid, TurboError } from '../../src/base/errors.ts'
import type { Embedder, EmbedKind } from '../../src/knowledge/embedders/port.ts'

/** Enough that two words seldom share a component. */
const DIMENSIONS = 64

export interface FakeEmbedderOptions {
  /** Default `bag-of-words`. */
  model?: string
  dimensions?: number
  /** Default 1: a retrieval model. */
  worth?: number
  /** Longest text of a vector in tokens, default 512. */
  maxTokens?: number
}

/** An embedder in memory whose failures the test decides. */
export interface FakeEmbedder extends Embedder {
  /** Calls that were made, oldest first. */
  readonly calls: { texts: readonly string[]; kind: EmbedKind }[]
  /** Nobody answers until {@link up}. */
  down(): void
  up(): void
  /** Calls wait from now on; the returned function lets them go on. */
  hold(): () => void
  /** Texts that hold this are refused as such. */
  poison: string | null
}

/** Similarity means shared words: a text's vector counts its words, each in a component chosen by its hash. */
export function bagOfWords(text: string, dimensions = DIMENSIONS): Float32Array {
  const vector = new Float32Array(dimensions)
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [text]) {
    let hash = 7
    for (const char of word) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 1_000_003
    const component = hash % dimensions
    vector[component] = (vector[component] ?? 0) + 1
  }
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

export function fakeEmbedder(options: FakeEmbedderOptions = {}): FakeEmbedder {
  const { model = 'bag-of-words', dimensions = DIMENSIONS, worth = 1, maxTokens = 512 } = options
  const calls: FakeEmbedder['calls'] = []
  let reachable = true
  let held: Promise<void> = Promise.resolve()

  const answer = async () => {
    await held
    if (!reachable) throw new TurboError('embedder_unavailable', 'the embedder is away')
  }
  const fake: FakeEmbedder = {
    name: model,
    traits: { maxTokens, worth },
    calls,
    poison: null,
    down: () => {
      reachable = false
    },
    up: () => {
      reachable = true
    },
    hold: () => {
      let release: () => void = () => undefined
      held = new Promise((resolve) => {
        release = resolve
      })
      return release
    },
    async space() {
      await answer()
      return { model, dimensions, prefixScheme: 'none' }
    },
    async embed(texts, kind, signal) {
      calls.push({ texts, kind })
      await Promise.race([answer(), abortion(signal)])
      const refused = fake.poison !== null && texts.some((text) => text.includes(fake.poison ?? ''))
      if (refused || texts.some((text) => text.trim() === '')) throw invalid('/texts', 'the embedder refuses a text')
      return texts.map((text) => bagOfWords(text, dimensions))
    },
    health: async () => (reachable ? { reachable } : { reachable, detail: 'the embedder is away' }),
    stop: async () => undefined,
  }
  return fake
}

/** Rejects with the signal's reason; never without one. */
function abortion(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason)
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
