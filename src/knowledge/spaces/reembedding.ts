import { TurboError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../db/executor.ts'
import type { Embedder } from '../embedders/index.ts'
import type { ReembedStatus } from '../service.ts'
import type { EmbedderDescription } from './queries.ts'
import { reembed } from './reembed.ts'
import type { EmbeddingSpaces } from './spaces.ts'

export interface ReembeddingOptions {
  db: Database
  log: Log
  /** Makes the embedder that a caller names, with the key only where it belongs. */
  makeEmbedder: (description: EmbedderDescription) => Embedder
}

/** One change of model at a time, in the background of this process. */
export class Reembedding {
  status: ReembedStatus | null = null
  readonly #options: ReembeddingOptions
  readonly #spaces: EmbeddingSpaces
  readonly #onSwitch: () => void
  readonly #stopping = new AbortController()
  #taken = false
  #running: Promise<void> | undefined

  constructor(options: ReembeddingOptions, spaces: EmbeddingSpaces, onSwitch: () => void) {
    this.#options = options
    this.#spaces = spaces
    this.#onSwitch = onSwitch
  }

  /** Checks that the embedder answers, then goes on in the background; {@link status} tells how far. */
  async begin(description: EmbedderDescription): Promise<{ started: true; model: string }> {
    if (this.#taken) {
      throw new TurboError('conflict', 'the store is being re-embedded already', { next: 'Wait for it to end.' })
    }
    const embedder = this.#options.makeEmbedder(description)
    this.#taken = true
    try {
      const identity = await embedder.space()
      this.status = { model: identity.model, phase: 'embedding', done: 0, total: 0, error: null }
      this.#running = this.#run(embedder, description).finally(() => {
        this.#taken = false
      })
      return { started: true, model: identity.model }
    } catch (error) {
      this.#taken = false
      await embedder.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(embedder: Embedder, description: EmbedderDescription): Promise<void> {
    const { db, log } = this.#options
    const onProgress = (progress: Omit<ReembedStatus, 'error'>) => {
      this.status = { ...progress, error: null }
    }
    try {
      const switched = await reembed(db, embedder, description, log, onProgress, this.#stopping.signal)
      await this.#spaces.replace(embedder)
      this.#onSwitch()
      onProgress(switched)
    } catch (error) {
      await embedder.stop()
      if (this.#stopping.signal.aborted) return
      const detail = error instanceof TurboError ? error.message : 'it failed; the log says why'
      log.error({ err: error }, 're-embedding failed')
      if (this.status) this.status = { ...this.status, phase: 'failed', error: detail }
    }
  }
}
