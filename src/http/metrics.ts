import { Gauge, Histogram, Registry } from 'prom-client'
import type { KnowledgeStats } from '../knowledge/index.ts'
import type { QueueFigures } from '../orchestrator/index.ts'
import { QueueMetrics } from './queue-metrics.ts'

/** From a cached query (0.1 ms) to a slow ingest (10 s). */
const SECONDS_BUCKETS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** The figures of /metrics, in a registry of this server's own. */
export class Metrics {
  readonly queue = new QueueMetrics()
  readonly #registry = new Registry()
  readonly #seconds: Histogram<'operation' | 'status'>
  readonly #up = this.#gauge('agent_turbo_store_up', 'Whether the figures of the store could be read.')
  readonly #cacheHits = this.#gauge('agent_turbo_cache_hits', 'Queries answered from the cache since the start.')
  readonly #cacheMisses = this.#gauge('agent_turbo_cache_misses', 'Queries not in the cache since the start.')
  readonly #cacheBytes = this.#gauge('agent_turbo_cache_bytes', 'Size of the query cache.')
  readonly #backlog = this.#gauge('agent_turbo_embedding_backlog', 'Items stored but not yet embedded.')
  readonly #exactReruns = this.#gauge(
    'agent_turbo_exact_reruns',
    'Index searches that under-returned and were run again exactly, since the start.',
  )
  readonly #items = this.#gauge('agent_turbo_items', 'Current items of knowledge.')

  constructor() {
    this.#seconds = new Histogram({
      name: 'agent_turbo_request_seconds',
      help: 'Time from the request line to the answer, by operation and status.',
      labelNames: ['operation', 'status'],
      buckets: SECONDS_BUCKETS,
      registers: [this.#registry],
    })
  }

  observe(operation: string, status: number, seconds: number): void {
    this.#seconds.labels(operation, String(status)).observe(seconds)
  }

  /** The exposition text; null when the store does not answer: its last figures are then marked by `store_up` 0. */
  async render(read: { stats: KnowledgeStats; figures: QueueFigures } | null): Promise<{ type: string; text: string }> {
    this.#up.set(read === null ? 0 : 1)
    if (read !== null) {
      const { stats, figures } = read
      this.queue.set(figures)
      this.#cacheHits.set(stats.cache.hits)
      this.#cacheMisses.set(stats.cache.misses)
      this.#cacheBytes.set(stats.cache.bytes)
      this.#backlog.set(stats.pendingItems)
      this.#exactReruns.set(stats.queries.exactReruns)
      this.#items.set(stats.current)
    }
    return {
      type: this.#registry.contentType,
      text: await Registry.merge([this.#registry, this.queue.registry]).metrics(),
    }
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.#registry] })
  }
}
