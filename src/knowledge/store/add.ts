import { setImmediate } from 'node:timers/promises'
import { invalid, isTurboError, TurboError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Database, Executor } from '../../db/executor.ts'
import type { Reader } from '../reading/reader.ts'
import type { SpaceRow } from '../spaces/queries.ts'
import type { EmbeddingSpaces } from '../spaces/spaces.ts'
import { embeddingText, toHalfvec } from '../spaces/vectors.ts'
import { contentHash } from '../text/normalize.ts'
import { lexicalOf, passagesOf } from '../text-index.ts'
import type { AddInput, AddResult, BatchFailure, BatchResult } from '../types.ts'
import { findCurrent, findItem, type InsertedRow, type ItemRecord, insertItems, supersede } from './queries.ts'

/** How long an add waits for its vectors before they are left to the backlog. */
const EMBED_WAIT_MS = 5_000
/** Above this many chunks an add does not wait for vectors at all. */
const EMBED_WAIT_CHUNKS_MAX = 4_000
/** Texts embedded in one go at first: what a slow embedder has finished in time is kept. */
const EMBED_SLICE_MIN = 32
/** An embedder that does a slice in this time is given twice as many at once. */
const EMBED_SLICE_FAST_MS = 500
/** Items made ready between two turns of the event loop. */
const TURN_ITEMS = 20
/**
 * Items a statement: the embedded engine answers nothing else while one runs. On a server an atomic batch is one
 * statement: several in one transaction would take their locks in another order than other batches do.
 */
const STATEMENT_ITEMS_MAX = {
  postgres: { atomic: Number.POSITIVE_INFINITY, each: 250 },
  embedded: { atomic: 20, each: 20 },
} as const
/** Times an item that is neither inserted nor found is tried: its twin was erased between the two statements. */
const ATTEMPTS_MAX = 5

export interface AddContext {
  db: Database
  spaces: EmbeddingSpaces
  reader: Reader
  log: Log
  /** Called after items became visible. */
  onWrite: () => void
}

export async function add(context: AddContext, input: AddInput): Promise<AddResult> {
  const { records, space } = await embedRecords(context, [await toRecord(context, input)])
  const { db } = context
  const [result] = input.supersedes
    ? await db.transaction((tx) => storeRecords(tx, records, space, [input]))
    : await storeRecords(db, records, space, [input])
  context.onWrite()
  return result as AddResult
}

/** Up to 1,000 items. Not atomic: what one statement refuses as a whole is tried again item by item. */
export async function addBatch(
  context: AddContext,
  { items, atomic }: { items: AddInput[]; atomic: boolean },
): Promise<BatchResult> {
  const unembedded: ItemRecord[] = []
  for (let at = 0; at < items.length; at += TURN_ITEMS) {
    unembedded.push(...(await Promise.all(items.slice(at, at + TURN_ITEMS).map((item) => toRecord(context, item)))))
    await setImmediate()
  }
  const { records, space } = await embedRecords(context, unembedded)
  const { db } = context
  const size = STATEMENT_ITEMS_MAX[db.engine][atomic ? 'atomic' : 'each']
  const results: (AddResult | BatchFailure)[] = []
  try {
    if (atomic) {
      await db.transaction(async (tx) => {
        for (let at = 0; at < items.length; at += size) {
          results.push(...(await storeRecords(tx, records.slice(at, at + size), space, items.slice(at, at + size))))
        }
      })
    } else {
      for (let at = 0; at < items.length; at += size) {
        results.push(...(await storeEach(db, records.slice(at, at + size), space, items.slice(at, at + size))))
      }
    }
  } finally {
    context.onWrite()
  }
  const count = (status: string) => results.filter((result) => result.status === status).length
  return { results, created: count('created'), duplicate: count('duplicate'), failed: count('failed') }
}

/** One transaction for all; when the database refuses something in it, one an item, so that only that item fails. */
async function storeEach(
  db: Database,
  records: ItemRecord[],
  space: SpaceRow | null,
  inputs: AddInput[],
): Promise<(AddResult | BatchFailure)[]> {
  const store = (some: ItemRecord[], theirs: AddInput[]) =>
    theirs.some((input) => input.supersedes)
      ? db.transaction((tx) => storeRecords(tx, some, space, theirs))
      : storeRecords(db, some, space, theirs)
  try {
    return await store(records, inputs)
  } catch (error) {
    if (!isTurboError(error, 'invalid_input', 'not_found', 'conflict')) throw error
    if (records.length === 1) return [{ id: null, status: 'failed', code: error.code, detail: error.message }]
  }
  const results: (AddResult | BatchFailure)[] = []
  for (const [index, record] of records.entries()) {
    results.push(...(await storeEach(db, [record], space, [inputs[index] as AddInput])))
  }
  return results
}

/** Inserts what is new, finds what is not, in order; supersedes where asked. */
async function storeRecords(
  db: Executor,
  records: ItemRecord[],
  space: SpaceRow | null,
  inputs: AddInput[],
): Promise<AddResult[]> {
  const results: AddResult[] = new Array(records.length)
  const { firsts, repeats } = splitRepeats(records)
  let open = firsts
  for (let attempt = 1; open.length > 0; attempt += 1) {
    if (attempt > ATTEMPTS_MAX) throw new TurboError('conflict', 'the same content is being added and erased at once')
    const inserted = await insertItems(
      db,
      open.map((index) => records[index] as ItemRecord),
      space,
    )
    for (const row of inserted) results[open[row.position] as number] = created(row, records, open)
    open = open.filter((index) => !results[index])
    if (open.length === 0) break
    const current = await findCurrent(
      db,
      open.map((index) => ({ position: index, record: records[index] as ItemRecord })),
    )
    for (const { position, id, chunks, embeddingState } of current) {
      const hash = (records[position] as ItemRecord).contentHash
      results[position] = { id, status: 'duplicate', contentHash: hash, chunks, embedding: embeddingState }
    }
    open = open.filter((index) => !results[index])
  }
  for (const [index, first] of repeats) results[index] = { ...(results[first] as AddResult), status: 'duplicate' }
  const replacements = inputs.flatMap(({ supersedes }, index) =>
    supersedes ? { oldId: supersedes, newId: (results[index] as AddResult).id } : [],
  )
  // In one order everywhere, so that two batches never wait for each other's items.
  for (const { oldId, newId } of replacements.sort((a, b) => a.oldId - b.oldId)) await replace(db, oldId, newId)
  return results
}

function created(row: InsertedRow, records: ItemRecord[], open: number[]): AddResult {
  const record = records[open[row.position] as number] as ItemRecord
  const { id, embeddingState } = row
  return {
    id,
    status: 'created',
    contentHash: record.contentHash,
    chunks: record.chunks.length,
    embedding: embeddingState,
  }
}

/** Within one batch the first of equal items is stored and the others are its duplicates. */
function splitRepeats(records: ItemRecord[]): { firsts: number[]; repeats: Map<number, number> } {
  const seen = new Map<string, number>()
  const repeats = new Map<number, number>()
  const firsts: number[] = []
  for (const [index, { contentHash: hash, project, scope, documentId }] of records.entries()) {
    const key = JSON.stringify([hash, project, scope, documentId])
    const first = seen.get(key)
    if (first === undefined) {
      seen.set(key, index)
      firsts.push(index)
    } else {
      repeats.set(index, first)
    }
  }
  return { firsts, repeats }
}

/** Done already counts as done: the add may be a repetition of one whose answer was lost. */
async function replace(db: Executor, oldId: number, newId: number): Promise<void> {
  const closed = await supersede(db, oldId, newId)
  if (closed.length > 0 || oldId === newId) return
  const old = await findItem(db, oldId)
  if (old?.supersededBy === newId) return
  if (!old) throw invalid('/supersedes', `there is no item ${oldId}`)
  throw new TurboError('conflict', `item ${oldId} was already superseded by ${old.supersededBy}`, {
    next: `Supersede ${old.supersededBy} instead.`,
  })
}

/** Hashes, cuts and indexes the words of one item. */
export async function toRecord(context: AddContext, input: AddInput): Promise<ItemRecord> {
  const title = input.title ?? null
  const { text, identifiers } = lexicalOf(title, input.content)
  return {
    content: input.content,
    contentHash: contentHash(input.content),
    title,
    knowledgeType: input.knowledgeType ?? 'note',
    category: input.category ?? null,
    tags: input.tags ?? [],
    project: input.project ?? null,
    scope: input.scope ?? 'global',
    sourceSession: input.source?.session ?? null,
    sourceTask: input.source?.task ?? null,
    sourceAgent: input.source?.agent ?? null,
    sourceUrl: input.source?.url ?? null,
    sourceCommit: input.source?.commit ?? null,
    documentId: null,
    importance: input.importance ?? 0.5,
    expiresAt: input.expiresAt ?? null,
    metadata: input.metadata ?? {},
    lexicalText: text,
    identifiers,
    chunks: passagesOf(input.content, await context.reader.chunk(input.content, context.spaces.chunkLimits())),
    vectors: null,
  }
}

/** Adds vectors, all of one space, to the items that the embedder finishes in time; the others are stored as pending. */
async function embedRecords(
  { spaces, log }: AddContext,
  records: ItemRecord[],
): Promise<{ records: ItemRecord[]; space: SpaceRow | null }> {
  const texts = records.flatMap(({ title, content, chunks }) =>
    chunks.map(({ start, end, heading }) => embeddingText(title, heading, content.slice(start, end))),
  )
  if (texts.length === 0 || texts.length > EMBED_WAIT_CHUNKS_MAX) return { records, space: null }
  const vectors: Buffer[] = []
  let space: SpaceRow | null = null
  const deadline = performance.now() + EMBED_WAIT_MS
  try {
    for (let size = EMBED_SLICE_MIN; vectors.length < texts.length; ) {
      const startedAt = performance.now()
      if (startedAt >= deadline) break
      const slice = texts.slice(vectors.length, vectors.length + size)
      const embedded = await spaces.embed(slice, 'document', Math.ceil(deadline - startedAt))
      // Another space became the active one: vectors of two never meet.
      if (space !== null && space.id !== embedded.space.id) return { records, space: null }
      space = embedded.space
      vectors.push(...embedded.vectors.map(toHalfvec))
      if (performance.now() - startedAt < EMBED_SLICE_FAST_MS) size *= 2
    }
  } catch (error) {
    if (!isTurboError(error, 'embedder_unavailable', 'space_mismatch', 'timeout', 'invalid_input')) throw error
    log.debug({ code: error.code, chunks: texts.length - vectors.length }, 'vectors are left to the backlog')
  }
  return { records: withVectors(records, vectors), space }
}

/** Gives each item its vectors, in order, as far as they go: an item has all of its own or none. */
function withVectors(records: ItemRecord[], vectors: Buffer[]): ItemRecord[] {
  let at = 0
  return records.map((record) => {
    const end = at + record.chunks.length
    const own = end <= vectors.length ? vectors.slice(at, end) : null
    at = end
    return { ...record, vectors: own }
  })
}
