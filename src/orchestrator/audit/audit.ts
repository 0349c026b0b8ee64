import { invalid, TurboError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { createLoop } from '../../base/loop.ts'
import type { Database } from '../../db/executor.ts'
import { isMomentAndId, readCursor, writeCursor } from '../cursor.ts'
import { hexDigits } from '../ids.ts'
import { entryOf } from './entry.ts'
import {
  appendAction,
  detachMonth,
  limitLockWait,
  listActions,
  listHeads,
  makeMonths,
  selectMonthsBefore,
  selectSession,
  selectWritten,
} from './queries.ts'
import type { ActionInput, ActionPage, AuditService, HeadPage, ListActionsInput } from './types.ts'
import { verifyChains } from './verify.ts'

/** Months are made two ahead, so that one missed day is no matter. */
const MONTHS_MS = 24 * 3_600_000
const PAGE_ROWS = 50
const ACTION_ID_DIGITS = 12

/** The audit trail with what runs behind it. */
export interface Audit extends AuditService {
  start(): void
  stop(): Promise<void>
}

export function createAudit({ db, log }: { db: Database; log: Log }): Audit {
  const months = createLoop({
    name: 'audit-months',
    idleMs: MONTHS_MS,
    log,
    step: async () => {
      await makeNeededMonths(db)
      return false
    },
  })
  return {
    log: (input, request) => logAction(db, input, request),
    list: (input) => list(db, input),
    verify: ({ sessionId }) => verifyChains(db, sessionId),
    heads: (input) => heads(db, input),
    detach: ({ before }) => detach(db, before),
    start: () => months.start(),
    stop: () => months.stop(),
  }
}

/** Makes the tables of this month and the next two, and moves there what came before them; how many were made. */
export function makeNeededMonths(db: Database): Promise<number> {
  return db.transaction(async (tx) => {
    await limitLockWait(tx)
    return makeMonths(tx)
  })
}

async function logAction(db: Database, input: ActionInput, request: string | undefined) {
  const actionId = `action_${hexDigits(ACTION_ID_DIGITS, request)}`
  // Only a repetition finds its row: ids of other requests are random.
  const [known] = request === undefined ? [] : await selectWritten(db, input.sessionId, actionId)
  if (known !== undefined) return known
  const { sessionId, taskId } = input
  const [written] = await appendAction(db, { sessionId, taskId, entry: entryOf(input, actionId) })
  if (written !== undefined) return written
  const [session] = await selectSession(db, sessionId)
  throw session === undefined
    ? invalid('/session_id', 'no session has this id', 'Create one with POST /v1/sessions, or list them.')
    : invalid('/task_id', 'no task has this id')
}

async function list(db: Database, { limit = PAGE_ROWS, cursor, ...filter }: ListActionsInput): Promise<ActionPage> {
  const before = cursor === undefined ? null : readCursor('actions', cursor, isMomentAndId)
  const rows = await listActions(db, filter, before, limit)
  const last = rows.at(-1)
  return {
    actions: rows.map(({ found: _found, ...action }) => action),
    nextCursor: last && last.found > rows.length ? writeCursor('actions', [last.executedAt, last.actionId]) : null,
  }
}

async function heads(
  db: Database,
  { limit = PAGE_ROWS, cursor }: { limit?: number; cursor?: string },
): Promise<HeadPage> {
  const isChain = (position: readonly unknown[]): position is [string] =>
    position.length === 1 && typeof position[0] === 'string' && !position[0].includes('\0')
  const [after] = cursor === undefined ? [''] : readCursor('heads', cursor, isChain)
  const rows = await listHeads(db, after, limit + 1)
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { heads: page, nextCursor: rows.length > limit && last ? writeCursor('heads', [last.chainId]) : null }
}

async function detach(db: Database, before: string): Promise<{ detached: string[] }> {
  const months = await selectMonthsBefore(db, before)
  if (months.some(({ isOver }) => !isOver)) {
    throw invalid('/before', 'lies in the future: only months that are over can be detached')
  }
  // What leaves the trail is no longer checked row by row: nothing may leave that was changed.
  const { firstBroken } = await verifyChains(db, undefined)
  if (firstBroken !== undefined) {
    throw new TurboError('conflict', `the trail is broken at row ${firstBroken.seq} of chain ${firstBroken.chainId}`, {
      next: 'Look at it with `agent-turbo audit verify` before anything is detached.',
    })
  }
  const detached: string[] = []
  for (const { month, name } of months) {
    if (month === null || name === null) continue
    const done = await db.transaction(async (tx) => {
      await limitLockWait(tx)
      return detachMonth(tx, month)
    })
    if (done) detached.push(name)
  }
  return { detached }
}
