import type { Executor } from '../../db/executor.ts'
import {
  type Anchor,
  type ChainedRow,
  type ChainPosition,
  selectAnchors,
  selectChained,
  selectEnds,
  selectUnchainedSessions,
} from './queries.ts'
import type { BrokenRow, ChainHead, Verification } from './types.ts'

const ROWS_PER_PAGE = 2_000
const CHAINS_PER_PAGE = 2_000
const FIRST_PREVIOUS_HASH = '0'.repeat(64)

/**
 * Walks all chains, or the one of a session, and stops at the first row that is not what was written: every hash is
 * computed anew, every row continues the one before it, no place is missing or taken twice, and the recorded end is
 * the last row. Reads page by page, each page with the ends as they are at that moment, so that writing goes on meanwhile.
 */
export async function verifyChains(db: Executor, sessionId: string | undefined): Promise<Verification> {
  const tally = { checked: 0, detached: 0 }
  const firstBroken =
    (await walkRows(db, sessionId, tally)) ??
    (await walkEnds(db, sessionId, tally)) ??
    (await findUnchained(db, sessionId))
  return firstBroken === null ? { valid: true, ...tally } : { valid: false, ...tally, firstBroken }
}

interface Tally {
  checked: number
  detached: number
}

async function walkRows(db: Executor, sessionId: string | undefined, tally: Tally): Promise<BrokenRow | null> {
  let chain: ChainWalk | null = null
  let after: ChainPosition | null = null
  for (;;) {
    const rows: ChainedRow[] = await selectChained(db, sessionId, after, ROWS_PER_PAGE)
    const anchors = await anchorsOf(db, [...new Set(rows.map((row) => row.chainId))])
    for (const row of rows) {
      if (chain?.chainId !== row.chainId) {
        const broken = chain?.end()
        if (broken) return broken
        chain = new ChainWalk(row.chainId, anchors.get(row.chainId), tally)
      }
      const broken = chain.step(row)
      if (broken !== null) return broken
      tally.checked += 1
    }
    if (rows.length < ROWS_PER_PAGE) return chain?.end() ?? null
    after = rows.at(-1) ?? null
  }
}

/** Chains of which no row is left: they were detached whole, or deleted. */
async function walkEnds(db: Executor, sessionId: string | undefined, tally: Tally): Promise<BrokenRow | null> {
  let after = ''
  for (;;) {
    const ends = await selectEnds(db, sessionId, after, CHAINS_PER_PAGE)
    const empty = ends.filter((end) => !end.attached)
    const anchors = await anchorsOf(
      db,
      empty.map((end) => end.chainId),
    )
    for (const end of empty) {
      const broken = new ChainWalk(end.chainId, anchors.get(end.chainId), tally).end(end)
      if (broken !== null) return broken
    }
    const last = ends.at(-1)
    if (last === undefined || ends.length < CHAINS_PER_PAGE) return null
    after = last.chainId
  }
}

async function findUnchained(db: Executor, sessionId: string | undefined): Promise<BrokenRow | null> {
  const [session] = await selectUnchainedSessions(db, sessionId)
  if (session === undefined) return null
  const { sessionId: chainId } = session
  return { chainId, sessionId: chainId, seq: 1, actionId: null, reason: 'the session exists, and its chain is gone' }
}

async function anchorsOf(db: Executor, chainIds: string[]): Promise<Map<string, Anchor[]>> {
  const byChain = new Map<string, Anchor[]>()
  if (chainIds.length === 0) return byChain
  for (const anchor of await selectAnchors(db, chainIds)) {
    byChain.set(anchor.chainId, [...(byChain.get(anchor.chainId) ?? []), anchor])
  }
  return byChain
}

/** One chain, from its first row to its recorded end. */
class ChainWalk {
  readonly chainId: string
  readonly #anchors: readonly Anchor[]
  readonly #tally: Tally
  /** Place and hash of the row before the next one. */
  #seq = 0
  #hash = FIRST_PREVIOUS_HASH
  #last: ChainedRow | null = null

  constructor(chainId: string, anchors: readonly Anchor[] | undefined, tally: Tally) {
    this.chainId = chainId
    this.#anchors = anchors ?? []
    this.#tally = tally
  }

  /** What is wrong with the next row, or null. */
  step(row: ChainedRow): BrokenRow | null {
    this.#passDetached()
    const next = this.#seq + 1
    const at = (reason: string) => this.#broken(row.seq, row.actionId, reason)
    if (row.headSeq === null) return at('its chain is not registered')
    if (row.seq < next) return at('another row has the same place')
    if (row.seq > next) return this.#missing(next)
    if (row.previousHash !== this.#hash) return at('it does not continue the row before it')
    if (row.hash !== row.computed) return at('it is not what was written')
    this.#seq = row.seq
    this.#hash = row.hash
    this.#last = row
    return null
  }

  /** What is wrong with the end of the chain, or null; `recorded` where no row has told it. */
  end(recorded?: ChainHead): BrokenRow | null {
    this.#passDetached()
    const seq = recorded?.seq ?? this.#last?.headSeq ?? 0
    const hash = recorded?.hash ?? this.#last?.headHash
    if (seq > this.#seq) return this.#missing(this.#seq + 1)
    const actionId = this.#last?.actionId ?? null
    if (seq < this.#seq) return this.#broken(seq + 1, null, `the recorded end of the chain is row ${seq}`)
    return hash === this.#hash ? null : this.#broken(seq, actionId, 'the recorded end of the chain has another hash')
  }

  /** Goes on behind rows that left with their month, where they continue this chain. */
  #passDetached(): void {
    for (const { firstSeq, previousHash, seq, hash } of this.#anchors) {
      if (firstSeq !== this.#seq + 1 || previousHash !== this.#hash) continue
      this.#tally.detached += seq - firstSeq + 1
      this.#seq = seq
      this.#hash = hash
    }
  }

  #missing(seq: number): BrokenRow {
    return this.#broken(seq, null, 'the row is missing')
  }

  #broken(seq: number, actionId: string | null, reason: string): BrokenRow {
    const isSession = this.chainId !== 'system' && !this.chainId.startsWith('task:')
    return { chainId: this.chainId, sessionId: isSession ? this.chainId : null, seq, actionId, reason }
  }
}
