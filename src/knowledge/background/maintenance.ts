import type { Log } from '../../base/log.ts'
import { createLoop, type Loop } from '../../base/loop.ts'
import type { Database } from '../../db/executor.ts'
import {
  deleteRetiredSpace,
  deleteRetiredVectors,
  findActiveSpace,
  findRetiredSpace,
  markUnembedded,
} from '../spaces/queries.ts'
import type { EmbeddingSpaces } from '../spaces/spaces.ts'
import { addAccesses } from '../store/queries.ts'
import {
  type CountingHorizon,
  closeExpired,
  countFresh,
  countingHorizon,
  countLexemes,
  indexFresh,
  isOver,
  lexiconDrift,
  lockLexicon,
  rebuildLexicon,
  settleTextIndex,
  vacuum,
} from './queries.ts'

/**
 * How the two engines differ. A statement of the embedded engine delays every query, so its steps are a few
 * milliseconds long; and it compares some thousands of vectors faster than it inserts one into a graph.
 */
const PACE = {
  postgres: { indexFrom: 250, indexBatch: 64, lexemeBatch: 1_000 },
  embedded: { indexFrom: 4_000, indexBatch: 3, lexemeBatch: 50 },
} as const

/** Also how soon a count goes on that waits for transactions to end. */
const LEXICON_IDLE_MS = 1_000
/** Least time between two settlings of the text index: each reads the whole of its pending list. */
const SETTLE_MS_MIN = 2_000
/** Drift takes a count of all items to see, and many writes to arise. */
const DRIFT_CHECK_MS = 600_000
const INDEX_IDLE_MS = 500
const HOUSEKEEPING_MS = 5_000
/** Every write wakes the loops, and a step that finds little to do costs as much as an add. */
const REST_MS = 100
/** Counted and existing items may differ by this share before everything is counted anew. */
const LEXICON_DRIFT_MAX = 0.1
/** Distinct items whose accesses are collected between two writes. */
const ACCESSES_MAX = 10_000
/** Rows that one housekeeping step closes or deletes. */
const HOUSEKEEPING_ROWS_MAX = 500
/** How long vectors of a retired space stay: ten times what another process takes to notice the switch. */
const RETIRED_SECONDS = 10

export interface MaintenanceOptions {
  db: Database
  spaces: EmbeddingSpaces
  log: Log
  onWrite: () => void
}

/** What keeps the store quick and its statistics true; all of it may stop at any time and be caught up later. */
export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #loops: { lexicon: Loop; index: Loop; housekeeping: Loop }
  #accesses = new Map<number, number>()
  #horizon: CountingHorizon | null = null
  #unsettled = false
  #settledAt = Number.NEGATIVE_INFINITY
  #driftCheckedAt = Number.NEGATIVE_INFINITY
  #graphGrew = false

  constructor(options: MaintenanceOptions) {
    this.#options = options
    const { log } = options
    this.#loops = {
      lexicon: createLoop({
        name: 'lexicon',
        idleMs: LEXICON_IDLE_MS,
        restMs: REST_MS,
        log,
        step: () => this.countLexicon(),
      }),
      index: createLoop({
        name: 'vector-index',
        idleMs: INDEX_IDLE_MS,
        restMs: REST_MS,
        log,
        step: () => this.indexVectors(),
      }),
      housekeeping: createLoop({
        name: 'housekeeping',
        idleMs: HOUSEKEEPING_MS,
        log,
        step: () => this.keepHouse(),
      }),
    }
  }

  start(): void {
    for (const loop of Object.values(this.#loops)) loop.start()
  }

  async stop(): Promise<void> {
    await Promise.all(Object.values(this.#loops).map((loop) => loop.stop()))
    await this.#flushAccesses()
  }

  /** Something was written: there may be words to count and vectors to index. */
  wake(): void {
    this.#loops.lexicon.wake()
    this.#loops.index.wake()
  }

  recordAccess(ids: number[]): void {
    for (const id of ids) {
      const times = this.#accesses.get(id)
      if (times === undefined && this.#accesses.size >= ACCESSES_MAX) continue
      this.#accesses.set(id, (times ?? 0) + 1)
    }
  }

  /** Counts the words of some items; true while there are more. */
  async countLexicon(): Promise<boolean> {
    const { db } = this.#options
    // Items of adds still under way may have lower ids than those that are visible: counting waits for them.
    this.#horizon ??= await countingHorizon(db)
    const over = this.#horizon !== null && (await isOver(db, this.#horizon))
    if (over && (await countLexemes(db, PACE[db.engine].lexemeBatch, this.#horizon?.itemId)) > 0) {
      this.#unsettled = true
      return true
    }
    if (over) this.#horizon = null
    if (this.#unsettled && performance.now() - this.#settledAt >= SETTLE_MS_MIN) {
      this.#unsettled = false
      await settleTextIndex(db)
      this.#settledAt = performance.now()
    }
    return false
  }

  /** Lets some vectors into the graph once there are enough outside it; true while there are more. */
  async indexVectors(): Promise<boolean> {
    const { db, spaces } = this.#options
    const space = await spaces.activeSpace()
    if (!space) return false
    const { indexFrom, indexBatch } = PACE[db.engine]
    if (!this.#graphGrew && (await countFresh(db, space.id, indexFrom)) < indexFrom) return false
    const indexed = await indexFresh(db, space.id, indexBatch)
    this.#graphGrew = indexed > 0
    if (!this.#graphGrew && db.engine === 'embedded') await vacuum(db)
    return this.#graphGrew
  }

  /** Expiry, access counts, drift of the statistics and vectors of retired spaces. */
  async keepHouse(): Promise<boolean> {
    const { db, onWrite } = this.#options
    await this.#flushAccesses()
    const closed = await closeExpired(db, HOUSEKEEPING_ROWS_MAX)
    if (closed > 0) onWrite()
    await this.#correctDrift()
    return closed === HOUSEKEEPING_ROWS_MAX || (await this.#clearRetired())
  }

  async #correctDrift(): Promise<void> {
    if (performance.now() - this.#driftCheckedAt < DRIFT_CHECK_MS) return
    const { db, log } = this.#options
    if ((await lexiconDrift(db)) > LEXICON_DRIFT_MAX) {
      await db.transaction(async (tx) => {
        await lockLexicon(tx)
        // Another process may have done it while this one waited.
        if ((await lexiconDrift(tx)) <= LEXICON_DRIFT_MAX) return
        log.info('counting the lexicon anew')
        await rebuildLexicon(tx)
      })
    }
    this.#driftCheckedAt = performance.now()
  }

  async #clearRetired(): Promise<boolean> {
    const { db } = this.#options
    const retired = await findRetiredSpace(db, RETIRED_SECONDS)
    if (retired === null) return false
    if ((await deleteRetiredVectors(db, retired, HOUSEKEEPING_ROWS_MAX)) > 0) return true
    const active = await findActiveSpace(db)
    // An add that began before the switch may have written vectors of the retired space alone.
    if (active) await markUnembedded(db, active.id)
    await db.transaction((tx) => deleteRetiredSpace(tx, retired))
    return true
  }

  async #flushAccesses(): Promise<void> {
    if (this.#accesses.size === 0) return
    const counts = this.#accesses
    this.#accesses = new Map()
    try {
      await addAccesses(this.#options.db, counts)
      // A row that finds no room in its page moves to another, and is indexed anew.
      this.#unsettled = true
    } catch (error) {
      for (const [id, times] of counts) this.#accesses.set(id, (this.#accesses.get(id) ?? 0) + times)
      throw error
    }
  }
}
