import { isTurboError, TurboError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { createLoop, type Loop } from '../../base/loop.ts'
import type { Database } from '../../db/executor.ts'
import { sameModel } from '../embedders/models.ts'
import type { Embedder, EmbedderHealth, EmbeddingSpaceIdentity, EmbedKind } from '../embedders/port.ts'
import { chunkTokensOf } from './chunk-limits.ts'
import {
  createSpaceIndex,
  type EmbedderDescription,
  ensureSpace,
  findActiveSpace,
  lockSpaceSwitch,
  type SpaceRow,
  switchActive,
} from './queries.ts'

/** Pause between attempts to reach an embedder that is away, and between looks whether another space is active. */
const PROBE_MS = 1_000
/** Batches in a row that outlast their callers before the embedder counts as lost. */
const TIMEOUTS_MAX = 2

export type SpaceProblem = 'embedder_unavailable' | 'space_mismatch' | 'starting'

/** The active space with the embedder that makes its vectors, or why there is none to be had. */
export type SpaceState =
  | { ready: true; space: SpaceRow; embedder: Embedder }
  | { ready: false; space: SpaceRow | null; problem: SpaceProblem; detail: string }

export interface EmbeddingSpacesOptions {
  db: Database
  embedder: Embedder
  /** How `embedder` was made, to be recorded with the space; null for one made elsewhere. */
  description: EmbedderDescription | null
  /**
   * Makes the embedder that another process has switched the store to; null where the configuration names one, which
   * then stays.
   */
  follow: ((description: EmbedderDescription) => Embedder) | null
  log: Log
  /** Called when the space becomes usable, so that the backlog goes on. */
  onReady: () => void
}

/**
 * Keeps the configured embedder and the database's one active space together. The first embedder to answer pins the
 * space; a server configured for another model says so and uses words alone, so vectors of two models never meet.
 */
export class EmbeddingSpaces {
  readonly #options: EmbeddingSpacesOptions
  readonly #probe: Loop
  #embedder: Embedder
  #state: SpaceState = { ready: false, space: null, problem: 'starting', detail: 'the embedder has not answered yet' }
  #refreshing: Promise<SpaceState> | undefined
  #timeouts = 0

  constructor(options: EmbeddingSpacesOptions) {
    this.#options = options
    this.#embedder = options.embedder
    this.#probe = createLoop({
      name: 'embedder-probe',
      idleMs: PROBE_MS,
      log: options.log,
      step: async () => {
        const state = this.#state
        // An embedder that answers, but for another space, need not be asked again until the store has changed.
        const settled = state.ready || state.problem === 'space_mismatch'
        if (!settled || (await findActiveSpace(options.db))?.id !== state.space?.id) await this.refresh()
        return false
      },
    })
  }

  get state(): SpaceState {
    return this.#state
  }

  get embedder(): Embedder {
    return this.#embedder
  }

  start(): void {
    this.#probe.start()
  }

  /** What the chunker may make: within the active model's limit, with an eighth of it shared between neighbours. */
  chunkLimits(): { maxTokens: number; overlapTokens: number } {
    const maxTokens = chunkTokensOf(this.#embedder)
    return { maxTokens, overlapTokens: maxTokens >> 3 }
  }

  async stop(): Promise<void> {
    await this.#probe.stop()
    await this.#embedder.stop()
  }

  /** The state once the embedder was asked for the first time. */
  async settled(): Promise<SpaceState> {
    return !this.#state.ready && this.#state.problem === 'starting' ? this.refresh() : this.#state
  }

  /** Looks at the database and the embedder anew; concurrent calls share one look. */
  refresh(): Promise<SpaceState> {
    this.#refreshing ??= this.#look().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** The active space's row, also while its embedder is away; asks the database when it is not known yet. */
  async activeSpace(): Promise<SpaceRow | null> {
    return this.#state.space ?? (await findActiveSpace(this.#options.db)) ?? null
  }

  /** Takes another embedder into use after a switch; the one before is stopped. */
  async replace(embedder: Embedder): Promise<void> {
    const previous = this.#embedder
    this.#embedder = embedder
    // A look under way is still at the one before. Should this one fail, the probe looks again.
    await this.#refreshing?.catch(() => undefined)
    await this.refresh().catch((error: unknown) =>
      this.#options.log.warn({ err: error }, 'the new embedder is not in use yet'),
    )
    if (previous !== embedder) await previous.stop()
  }

  /**
   * Vectors of the active space.
   *
   * @throws TurboError `embedder_unavailable` or `space_mismatch`; once it has, calls fail at once until the probe has
   * reached the embedder again, so that an embedder that hangs costs one time limit and not one a call. `timeout` for
   * documents that take longer, `invalid_input` for a text that the embedder refuses as such
   */
  async embed(
    texts: readonly string[],
    kind: EmbedKind,
    timeoutMs: number,
  ): Promise<{ space: SpaceRow; vectors: Float32Array[] }> {
    const deadline = AbortSignal.timeout(timeoutMs)
    const known = this.#state
    const state = known.ready ? known : await Promise.race([this.settled(), this.#stateAtEndOf(deadline)])
    if (!state.ready) {
      const code = state.problem === 'space_mismatch' ? state.problem : 'embedder_unavailable'
      throw new TurboError(code, state.detail, { next: 'Ask by words (mode text), or see `agent-turbo doctor`.' })
    }
    try {
      const vectors = await state.embedder.embed(texts, kind, deadline)
      this.#timeouts = 0
      return { space: state.space, vectors }
    } catch (error) {
      // Replaced meanwhile: the one that is in use now answers.
      if (this.#state !== state && this.#state.ready) return this.embed(texts, kind, timeoutMs)
      if (isTurboError(error, 'invalid_input')) throw error
      // A long batch may well outlast its caller's patience; a question that does means that the embedder hangs.
      if (deadline.aborted) this.#timeouts += kind === 'document' ? 1 : TIMEOUTS_MAX
      if (deadline.aborted && this.#timeouts < TIMEOUTS_MAX) throw new TurboError('timeout', 'embedding took too long')
      throw this.lost(state, error)
    }
  }

  /** Takes note that the embedder of `state` failed with `error`; what to throw for it. */
  lost(state: SpaceState & { ready: true }, error: unknown): TurboError {
    const detail = isTurboError(error) ? error.message : 'the embedder did not answer in time'
    if (this.#state === state) {
      this.#state = { ready: false, space: state.space, problem: 'embedder_unavailable', detail }
      this.#options.log.warn({ embedder: state.embedder.name, err: error }, 'embedder lost')
      this.#probe.wake()
    }
    return new TurboError('embedder_unavailable', detail, { cause: error })
  }

  #stateAtEndOf(deadline: AbortSignal): Promise<SpaceState> {
    return new Promise((resolve) => {
      deadline.addEventListener('abort', () => resolve(this.#state), { once: true })
    })
  }

  /** Known state, at once. */
  health(): EmbedderHealth & { name: string } {
    const state = this.#state
    const { name } = this.#embedder
    return state.ready ? { name, reachable: true } : { name, reachable: false, detail: state.detail }
  }

  async #look(): Promise<SpaceState> {
    const { db, log, onReady } = this.#options
    const before = this.#state
    const pinned = (await findActiveSpace(db)) ?? null
    await this.#followTo(pinned)
    const embedder = this.#embedder
    const health = await embedder.health()
    if (!health.reachable) {
      return this.#unusable(pinned, 'embedder_unavailable', health.detail ?? `${embedder.name} cannot be reached`)
    }
    try {
      const wanted = await embedder.space()
      const active = pinned ?? (await this.#pin(wanted))
      if (!isSameSpace(active, wanted)) {
        const detail = `the store holds vectors of ${active.model} (${active.dimensions} dimensions), this server is set to ${wanted.model} (${wanted.dimensions} dimensions): set AGENT_TURBO_EMBEDDER to the store's model, or change the store with \`agent-turbo embeddings use\``
        return this.#unusable(active, 'space_mismatch', detail)
      }
      this.#state = { ready: true, space: active, embedder }
      if (!before.ready) {
        log.info({ embedder: embedder.name, model: active.model, dimensions: active.dimensions }, 'embedder ready')
        onReady()
      }
    } catch (error) {
      if (!isTurboError(error, 'embedder_unavailable', 'invalid_input', 'space_mismatch')) throw error
      const problem = error.code === 'space_mismatch' ? error.code : 'embedder_unavailable'
      return this.#unusable(pinned, problem, error.message)
    }
    return this.#state
  }

  /** Where no embedder is configured, the one that the store was switched to is taken into use. */
  async #followTo(pinned: SpaceRow | null): Promise<void> {
    const { follow } = this.#options
    const known = this.#state.space
    if (!follow || !pinned?.embedder || !known || known.id === pinned.id) return
    const previous = this.#embedder
    this.#embedder = follow(pinned.embedder)
    await previous.stop()
  }

  /** Makes the first embedder's space the store's; the space of whoever was first is returned. */
  #pin(identity: EmbeddingSpaceIdentity): Promise<SpaceRow> {
    return this.#options.db.transaction(async (tx) => {
      await lockSpaceSwitch(tx)
      const active = await findActiveSpace(tx)
      if (active) return active
      const { embedder, description } = this.#options
      const space = await ensureSpace(tx, identity, chunkTokensOf(embedder), description)
      await createSpaceIndex(tx, space, false)
      await switchActive(tx, space.id)
      return space
    })
  }

  #unusable(space: SpaceRow | null, problem: SpaceProblem, detail: string): SpaceState {
    const before = this.#state
    this.#state = { ready: false, space, problem, detail }
    if (before.ready || before.detail !== detail) this.#options.log.warn({ problem, detail }, 'answers use words alone')
    return this.#state
  }
}

/** True when vectors of both may be compared. */
export function isSameSpace(a: EmbeddingSpaceIdentity, b: EmbeddingSpaceIdentity): boolean {
  return sameModel(a.model, b.model) && a.dimensions === b.dimensions && a.prefixScheme === b.prefixScheme
}
