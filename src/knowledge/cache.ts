import { LRUCache } from 'lru-cache'

/** Bytes of answers kept, by their JSON length. */
const BYTES_MAX = 64 * 1024 * 1024
/**
 * How long an answer may be reused: a notification may be lost without anyone noticing at once, and another process's
 * write is to be seen within 5 s (design, invariant 5).
 */
const TTL_MS = 4_500
/** The same while it is known that notifications do not arrive. */
const TTL_UNNOTIFIED_MS = 2_000

export interface AnswerFacts {
  /** {@link AnswerCache.generation} before it was computed. */
  generation: number
  /** `performance.now()` when its computing began: it may say nothing of what happened since. */
  startedAt: number
  /** How long from then it may be reused at most. */
  msMax: number
  /** Its size. */
  bytes: number
}

interface Entry<T> extends AnswerFacts {
  value: T
}

export interface CacheStats {
  entries: number
  bytes: number
  hits: number
  misses: number
}

/**
 * Answers by question. Each carries the generation of the store it was computed from; a write moves the generation on,
 * so an answer that was being computed while something was written is never reused. Dropping it changes no answer.
 */
export class AnswerCache<T> {
  readonly #entries = new LRUCache<string, Entry<T>>({ maxSize: BYTES_MAX, sizeCalculation: (entry) => entry.bytes })
  #generation = 0
  #notified = false
  #hits = 0
  #misses = 0

  /** The generation that an answer computed from now on belongs to. */
  get generation(): number {
    return this.#generation
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key)
    const ttl = Math.min(this.#notified ? TTL_MS : TTL_UNNOTIFIED_MS, entry?.msMax ?? 0)
    if (entry && entry.generation === this.#generation && performance.now() - entry.startedAt < ttl) {
      this.#hits += 1
      return entry.value
    }
    if (entry) this.#entries.delete(key)
    this.#misses += 1
    return undefined
  }

  /** Keeps an answer, unless something was written since its generation was read. */
  set(key: string, value: T, { bytes, ...facts }: AnswerFacts): void {
    if (facts.generation !== this.#generation || facts.msMax <= 0) return
    this.#entries.set(key, { value, ...facts, bytes: key.length + bytes + 1 })
  }

  /** Something was written, here or elsewhere. */
  invalidate(): void {
    this.#generation += 1
  }

  /** Whether notifications of other processes' writes arrive; answers are trusted for less long while they do not. */
  setNotified(notified: boolean): void {
    if (notified && !this.#notified) this.invalidate()
    this.#notified = notified
  }

  stats(): CacheStats {
    return {
      entries: this.#entries.size,
      bytes: this.#entries.calculatedSize ?? 0,
      hits: this.#hits,
      misses: this.#misses,
    }
  }
}
