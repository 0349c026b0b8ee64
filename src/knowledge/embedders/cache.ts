import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { must } from '../../base/assert.ts'
import type { Embedder, EmbeddingSpaceIdentity, EmbedKind } from './port.ts'

export interface VectorCacheOptions {
  /** Bound on what the cached vectors and keys take, in bytes. Default 64 MiB: about 30,000 vectors of 512 components. */
  bytesMax?: number
}

export interface VectorCacheStats {
  entries: number
  bytes: number
  /** Texts answered from the cache or by joining a computation under way, and texts computed, since the start. */
  hits: number
  misses: number
}

/** An embedder with a memory. */
export interface CachedEmbedder extends Embedder {
  cacheStats(): VectorCacheStats
}

const BYTES_MAX_DEFAULT = 64 * 1024 * 1024
/** A key of about 100 characters and the cache's own entry, measured roughly; the bound is a bound on memory. */
const ENTRY_OVERHEAD_BYTES = 300

/** Vectors being computed for one call, and how many calls wait for them: when none is left, the work is aborted. */
interface Computation {
  vectors: Promise<Float32Array[]>
  waiting: number
  abort: AbortController
}

/** One text of a computation. */
interface Pending {
  computation: Computation
  index: number
}

/**
 * Remembers vectors by space, kind and text, least recently used first out, and lets calls that want the same text at
 * the same time share one computation. Failures are not remembered; what is remembered is answered during an outage.
 */
export function withVectorCache(embedder: Embedder, options: VectorCacheOptions = {}): CachedEmbedder {
  const vectors = new LRUCache<string, Float32Array>({
    maxSize: options.bytesMax ?? BYTES_MAX_DEFAULT,
    sizeCalculation: (vector) => vector.byteLength + ENTRY_OVERHEAD_BYTES,
  })
  const underWay = new Map<string, Pending>()
  let space: EmbeddingSpaceIdentity | undefined
  const counts = { hits: 0, misses: 0 }

  async function keysOf(texts: readonly string[], kind: EmbedKind): Promise<string[]> {
    space ??= await embedder.space()
    const known = space
    return texts.map((text) => keyOf(known, kind, text))
  }

  /** Starts computing `missing` (key to text) and lets other calls find it until it is done. */
  function compute(missing: Map<string, string>, kind: EmbedKind): Map<string, Pending> {
    const abort = new AbortController()
    const computation = { vectors: embedder.embed([...missing.values()], kind, abort.signal), waiting: 0, abort }
    const started = new Map([...missing.keys()].map((key, index) => [key, { computation, index }]))
    const forget = () => {
      for (const [key, pending] of started) if (underWay.get(key) === pending) underWay.delete(key)
    }
    const remember = (computed: Float32Array[]) => {
      for (const [key, { index }] of started) vectors.set(key, must(computed[index], 'a vector for each text'))
      forget()
    }
    for (const [key, pending] of started) underWay.set(key, pending)
    abort.signal.addEventListener('abort', forget, { once: true })
    // A failure reaches the calls that wait; here it only ends the sharing.
    computation.vectors.then(remember, forget)
    return started
  }

  const embed: Embedder['embed'] = async (texts, kind, signal) => {
    const keys = await keysOf(texts, kind)
    signal?.throwIfAborted()
    const sources = new Map<string, Float32Array | Pending>()
    const missing = new Map<string, string>()
    for (const [index, key] of keys.entries()) {
      if (sources.has(key)) continue
      const known = vectors.get(key) ?? underWay.get(key)
      if (known) sources.set(key, known)
      else missing.set(key, must(texts[index], 'a text for each key'))
    }
    counts.misses += missing.size
    counts.hits += keys.length - missing.size
    if (missing.size > 0) for (const [key, pending] of compute(missing, kind)) sources.set(key, pending)
    const awaited = new Set(
      [...sources.values()].flatMap((source) => ('computation' in source ? source.computation : [])),
    )
    await Promise.all([...awaited].map((computation) => join(computation, signal)))
    return Promise.all(keys.map((key) => copyOf(must(sources.get(key), 'a source for each key'))))
  }

  return {
    name: embedder.name,
    get traits() {
      return embedder.traits
    },
    embed,
    space: () => embedder.space(),
    health: () => embedder.health(),
    stop() {
      vectors.clear()
      return embedder.stop()
    },
    cacheStats: () => ({ entries: vectors.size, bytes: vectors.calculatedSize, ...counts }),
  }
}

function keyOf({ model, dimensions, prefixScheme }: EmbeddingSpaceIdentity, kind: EmbedKind, text: string): string {
  const hash = createHash('sha256').update(text).digest('base64')
  return `${model}\n${dimensions}\n${prefixScheme}\n${kind}\n${hash}`
}

/** A copy: a caller that changes its vector must not change the next caller's. */
async function copyOf(source: Float32Array | Pending): Promise<Float32Array> {
  if (!('computation' in source)) return source.slice()
  return must((await source.computation.vectors)[source.index], 'a vector for each text').slice()
}

/** Waits for a computation together with others; a call that gives up leaves it to them. */
async function join(computation: Computation, signal: AbortSignal | undefined): Promise<void> {
  computation.waiting++
  let giveUp: (() => void) | undefined
  let hasGivenUp = false
  try {
    const abandoned = new Promise<never>((_resolve, reject) => {
      giveUp = () => {
        hasGivenUp = true
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', giveUp, { once: true })
    })
    await Promise.race([computation.vectors, abandoned])
  } finally {
    if (giveUp) signal?.removeEventListener('abort', giveUp)
    computation.waiting--
    if (hasGivenUp && computation.waiting === 0) computation.abort.abort(signal?.reason)
  }
}
