import { LRUCache } from 'lru-cache'
import type { Topic } from './types.ts'

/** Parts kept; one is a dozen short lines. */
const ENTRIES_MAX = 5_000
/**
 * How long a part may be reused: a notification may be lost without anyone noticing at once, and another process's
 * write is to be seen within 5 s (design, invariant 5).
 */
const TTL_MS = 4_500
/** The same while it is known that notifications do not arrive. */
const TTL_UNNOTIFIED_MS = 2_000
/** From this share of its time on, a part that is asked for is read again behind the answer, so that nobody waits. */
const REFRESH_SHARE = 0.6
/** What could not be read is tried again after this long. */
const FAILURE_MS = 1_000

/** What a part is read from. */
export interface Source<T> {
  /** Names the part and everything it depends on. */
  key: string
  topics: readonly Topic[]
  read(): Promise<Reading<T>>
}

export interface Reading<T> {
  value: T
  /** How long it stays right if nothing is written: until the first moment that it depends on. */
  validMs?: number
}

/** A part as it was read; `value` is null where it could not be. */
export interface Part<T> {
  value: T | null
  error: unknown
}

interface Entry extends Part<unknown> {
  text: string
  generation: number
  startedAt: number
  msMax: number
}

interface Flight {
  generation: number
  startedAt: number
  ended: Promise<Entry>
  /** Begins when this one has ended, for all who may not be content with it. */
  next: Promise<Entry> | undefined
}

/**
 * Parts of landing contexts by what they depend on. A write moves the generation of its topics on; a part counts while
 * its generation is the current one. Concurrent readers share one reading, which began after the last write that they
 * must see. A part that is read again and says the same keeps its value by reference.
 */
export class SectionCache {
  readonly #entries = new LRUCache<string, Entry>({ max: ENTRIES_MAX })
  readonly #flights = new Map<string, Flight>()
  readonly #generations = new Map<Topic, number>()
  #everything = 0
  #notified = false

  /** The part, at once where it is known and right; else as a promise, which never rejects. */
  read<T>(source: Source<T>, since = 0): Part<T> | Promise<Part<T>> {
    const generation = this.#generationOf(source)
    const entry = this.#entries.get(source.key)
    if (entry === undefined || entry.generation !== generation || entry.startedAt < since) {
      return this.#load(source, generation, since) as Promise<Part<T>>
    }
    const age = performance.now() - entry.startedAt
    const ttl = Math.min(this.#notified ? TTL_MS : TTL_UNNOTIFIED_MS, entry.msMax)
    if (age >= ttl) return this.#load(source, generation, performance.now()) as Promise<Part<T>>
    if (age >= ttl * REFRESH_SHARE && !this.#flights.has(source.key)) this.#start(source)
    return entry as Part<T>
  }

  /** Something was written, here or elsewhere. */
  invalidate(topics: readonly Topic[]): void {
    for (const topic of topics) this.#generations.set(topic, (this.#generations.get(topic) ?? 0) + 1)
  }

  /** Anything may have been written. */
  invalidateAll(): void {
    this.#everything += 1
  }

  /** Whether notifications of other processes' writes arrive; parts are trusted for less long while they do not. */
  setNotified(notified: boolean): void {
    if (notified && !this.#notified) this.invalidateAll()
    this.#notified = notified
  }

  #generationOf({ topics }: Source<unknown>): number {
    return topics.reduce((sum, topic) => sum + (this.#generations.get(topic) ?? 0), this.#everything)
  }

  #load(source: Source<unknown>, generation: number, since: number): Promise<Entry> {
    const flight = this.#flights.get(source.key)
    if (flight === undefined) return this.#start(source)
    if (flight.generation >= generation && flight.startedAt >= since) return flight.ended
    flight.next ??= flight.ended.then(() => this.#load(source, generation, since))
    return flight.next
  }

  #start(source: Source<unknown>): Promise<Entry> {
    const generation = this.#generationOf(source)
    const startedAt = performance.now()
    const ended = this.#read(source).then(({ value, error, msMax }) => {
      const text = JSON.stringify(value)
      const before = this.#entries.get(source.key)
      const same = before?.text === text ? before.value : value
      const entry: Entry = { value: same, error, text, generation, startedAt, msMax }
      this.#entries.set(source.key, entry)
      if (this.#flights.get(source.key) === flight) this.#flights.delete(source.key)
      return entry
    })
    const flight: Flight = { generation, startedAt, ended, next: undefined }
    this.#flights.set(source.key, flight)
    return ended
  }

  async #read(source: Source<unknown>): Promise<Part<unknown> & { msMax: number }> {
    try {
      const { value, validMs = Number.POSITIVE_INFINITY } = await source.read()
      return { value, error: null, msMax: validMs }
    } catch (error) {
      return { value: null, error, msMax: FAILURE_MS }
    }
  }
}
