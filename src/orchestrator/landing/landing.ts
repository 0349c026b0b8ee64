import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { batching } from '../../base/batcher.ts'
import { isTurboError, TurboError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { toWire } from '../../base/wire.ts'
import type { Database } from '../../db/executor.ts'
import { type Facts, Fitter } from './fit.ts'
import { type Part, SectionCache } from './section-cache.ts'
import { SECTION_NAMES, sourceOf } from './sections.ts'
import { type Keeping, keepSnapshots, readClock, recentSnapshots, renewSnapshots } from './snapshot-queries.ts'
import { measureIfDue } from './stats.ts'
import {
  type LandingAnswer,
  type LandingContext,
  type LandingInput,
  type LandingService,
  MAX_TOKENS_DEFAULT,
  type Recall,
  TOPICS,
  type Topic,
} from './types.ts'

/** Answers kept in memory, by their size. */
const ANSWERS_BYTES_MAX = 32 * 1024 * 1024
/** What the store is asked to keep and to measure is looked after this often. */
const LOOK_AFTER_MS = 60_000
/** Answers that a process has ready from its start on. */
const WARM_MAX = 20
/** A content may change again between two looks at it; then it is looked at once more. */
const KEEP_ATTEMPTS_MAX = 3
/** Contents that one statement keeps. */
const KEPT_AT_ONCE_MAX = 50

/** Channels on which the store tells of changes; the payload of the first names the topics. */
const CHANGED = 'landing_changed'
const KNOWLEDGE_CHANGED = 'knowledge_changed'

export interface LandingOptions {
  db: Database
  log: Log
  recall: Recall
  countTokens(text: string): number
}

/** The verbs, with what runs behind them. */
export interface LandingRuntime extends LandingService {
  start(): Promise<void>
  /** Has ready what was asked for before the last stop of whichever process. */
  warm(): Promise<void>
  stop(): Promise<void>
}

/** An answer with the parts that it says; it holds while they are the same. */
interface Entry {
  values: unknown[]
  answer: LandingAnswer
}

export function createLanding(options: LandingOptions): LandingRuntime {
  const landings = new Landings(options)
  return {
    landingContext: async (input) => (await landings.answer(input)).content,
    async land(input) {
      const { content, version, tokens } = await landings.answer({ ...input, format: 'json' })
      return { context: content as LandingContext, version, tokens }
    },
    changed: (topics) => landings.changed(topics),
    start: () => landings.start(),
    warm: () => landings.warm(),
    stop: () => landings.stop(),
  }
}

class Landings {
  readonly #options: LandingOptions
  readonly #parts = new SectionCache()
  readonly #fitter: Fitter
  readonly #keep: (keeping: Keeping) => Promise<string | undefined>
  readonly #answers = new LRUCache<string, Entry>({
    maxSize: ANSWERS_BYTES_MAX,
    sizeCalculation: ({ answer }, key) => key.length + 3 * JSON.stringify(answer.content).length,
  })
  readonly #making = new Map<string, { values: unknown[]; made: Promise<LandingAnswer> }>()
  /** Keys asked for since the store was last looked after. */
  readonly #used = new Set<string>()
  readonly #unlisten: (() => Promise<void>)[] = []
  #lookedAfterAt = Number.NEGATIVE_INFINITY
  #lookingAfter: Promise<void> | undefined

  constructor(options: LandingOptions) {
    this.#options = options
    this.#fitter = new Fitter(options.countTokens)
    this.#keep = batching((all) => keepSnapshots(options.db, all), KEPT_AT_ONCE_MAX)
  }

  async start(): Promise<void> {
    const { db } = this.#options
    const state = {
      onGap: () => this.#parts.invalidateAll(),
      onState: (connected: boolean) => this.#parts.setNotified(connected),
    }
    this.#unlisten.push(
      await db.listen(CHANGED, { ...state, onNotify: (payload) => this.changed(topicsOf(payload)) }),
      await db.listen(KNOWLEDGE_CHANGED, { ...state, onNotify: () => this.changed(['knowledge']) }),
    )
  }

  async stop(): Promise<void> {
    await this.#lookingAfter
    await Promise.all(this.#unlisten.splice(0).map((unlisten) => unlisten()))
  }

  changed(topics: readonly Topic[]): void {
    this.#parts.invalidate(topics)
  }

  /** Without a promise in between where everything is known: a cached answer costs microseconds. */
  async answer(input: LandingInput): Promise<LandingAnswer> {
    const { db, recall } = this.#options
    const landing = { project: input.project, role: input.role, goal: input.goal }
    const since = input.fresh ? performance.now() : 0
    const parts = SECTION_NAMES.map((name) => this.#parts.read(sourceOf({ db, recall }, name, landing), since))
    const read = parts.some((part) => part instanceof Promise) ? await Promise.all(parts) : (parts as Part<unknown>[])
    const key = keyOf(input)
    const values = read.flatMap(({ value, error }) => [value, error])
    const known = this.#answers.get(key)
    this.#used.add(key)
    this.#lookAfter()
    if (known !== undefined && isSame(known.values, values)) return known.answer
    return this.#make(key, input, values, factsOf(read), known)
  }

  /** One answer is made once, for all who ask for it at a time. */
  #make(key: string, input: LandingInput, values: unknown[], facts: Facts, known: Entry | undefined) {
    const making = this.#making.get(key)
    if (making !== undefined && isSame(making.values, values)) return making.made
    const made = this.#fit(key, input, facts, known).then((answer) => {
      this.#answers.set(key, { values, answer })
      return answer
    })
    const entry = { values, made }
    this.#making.set(key, entry)
    const forget = () => {
      if (this.#making.get(key) === entry) this.#making.delete(key)
    }
    made.then(forget, forget)
    return made
  }

  async #fit(key: string, input: LandingInput, facts: Facts, known: Entry | undefined): Promise<LandingAnswer> {
    const { db } = this.#options
    const { project = null, role = null, goal = null, format = 'json', maxTokens = MAX_TOKENS_DEFAULT } = input
    const fitted = this.#fitter.fit(facts, format, maxTokens)
    const { version, tokens, timeless } = fitted
    if (known?.answer.version === version) return known.answer
    // What says that something could not be read is not worth keeping.
    if (facts.errors.length > 0) return fitted.at(await readClock(db))
    const content = typeof timeless === 'string' ? timeless : toWire(timeless)
    const snapshot = { project, role, goal, maxTokens, format, version, content }
    for (let attempt = 0; attempt < KEEP_ATTEMPTS_MAX; attempt++) {
      const generatedAt = await this.#keep({ key, snapshot, tokens })
      if (generatedAt !== undefined) return fitted.at(generatedAt)
    }
    throw new TurboError('unavailable', 'the landing context changes faster than it can be kept', {
      next: 'Ask again.',
      retryAfterSeconds: 1,
    })
  }

  /** What of the store is looked after once a minute, behind an answer, by processes that answer. */
  #lookAfter(): void {
    const now = performance.now()
    if (now - this.#lookedAfterAt < LOOK_AFTER_MS) return
    this.#lookedAfterAt = now
    const { db, log } = this.#options
    const used = [...this.#used]
    this.#used.clear()
    this.#lookingAfter = Promise.all([measureIfDue(db), renewSnapshots(db, used)])
      .then(() => undefined)
      .catch((error: unknown) => log.warn({ err: error }, 'landing contexts are not looked after, will be tried again'))
  }

  /** Has ready what was asked for before the last stop. */
  async warm(): Promise<void> {
    const snapshots = await recentSnapshots(this.#options.db, WARM_MAX)
    const asked = snapshots.map(({ project, role, goal, maxTokens, format }) => ({
      project: project ?? undefined,
      role: role ?? undefined,
      goal: goal ?? undefined,
      maxTokens,
      format,
    }))
    await Promise.all(asked.map((input) => this.answer(input)))
  }
}

/** Short name of what was asked; the answer depends on nothing else but the store. */
function keyOf({ project, role, goal, maxTokens = MAX_TOKENS_DEFAULT, format = 'json' }: LandingInput): string {
  const asked = JSON.stringify([project, role, goal, maxTokens, format])
  return createHash('sha256').update(asked).digest('base64url')
}

function topicsOf(payload: string): Topic[] {
  const named = payload.split(',')
  return TOPICS.filter((topic) => named.includes(topic))
}

function isSame(before: unknown[], after: unknown[]): boolean {
  return before.every((value, index) => value === after[index])
}

/**
 * What was read, and what could not be.
 *
 * @throws the reason, where nothing could be read: a context of nothing would look like an empty store
 */
function factsOf(parts: Part<unknown>[]): Facts {
  const failed = parts.filter(({ error }) => error !== null)
  if (failed.length === parts.length) throw failed[0]?.error
  const named = SECTION_NAMES.map((name, index) => [name, parts[index] as Part<unknown>] as const)
  return {
    sections: Object.fromEntries(
      named.filter(([, { error }]) => error === null).map(([name, { value }]) => [name, value]),
    ),
    errors: named.flatMap(([name, { error }]) => {
      if (error === null) return []
      const [section = name] = Object.keys(toWire({ [name]: 0 }))
      return [{ section, code: isTurboError(error) ? error.code : 'internal' }]
    }),
  }
}
