import { isDeepStrictEqual } from 'node:util'
import { batching } from '../../base/batcher.ts'
import { invalid, TurboError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { createLoop } from '../../base/loop.ts'
import type { Database } from '../../db/executor.ts'
import { isMomentAndId, readCursor, writeCursor } from '../cursor.ts'
import { hexDigits } from '../ids.ts'
import { readHistory } from './history.ts'
import { maxTokensOf, nearMisses, nearMissRefusal } from './names.ts'
import {
  insertSessions,
  isNameUsed,
  listSessions,
  markIdle,
  type NewSession,
  selectSession,
  updateSession,
} from './queries.ts'
import { NEXT_STATUSES, statusesBefore } from './states.ts'
import type {
  CreateSessionInput,
  Land,
  ListSessionsInput,
  PatchSessionInput,
  Session,
  SessionService,
  SessionSummary,
  WrittenKnowledge,
} from './types.ts'

/** Without activity for this long, a session is idle; the next activity makes it active again. */
export const IDLE_AFTER_SECONDS = 15 * 60
const IDLE_CHECK_MS = 60_000
const IDLE_BATCH = 500
const PAGE_SESSIONS = 50
/** As in the older system; sessions of one platform and role are few enough for a second try to be rare. */
const ID_DIGITS = 8
const ID_ATTEMPTS_MAX = 5
/** Sessions that one statement makes. */
const INSERTS_MAX = 100

export interface SessionDependencies {
  db: Database
  log: Log
  land: Land
  writtenKnowledge: WrittenKnowledge
}

/** Sessions with what runs behind them. */
export interface Sessions extends SessionService {
  start(): void
  stop(): Promise<void>
}

export function createSessions({ db, log, land, writtenKnowledge }: SessionDependencies): Sessions {
  const idle = createLoop({
    name: 'idle-sessions',
    idleMs: IDLE_CHECK_MS,
    log,
    step: () => markIdleSessions(db),
  })
  const insert = batching((sessions: NewSession[]) => insertSessions(db, sessions), INSERTS_MAX)
  return {
    create: (input, request) => create({ db, land, insert }, input, request),
    get: (sessionId) => get(db, sessionId),
    list: (input) => list(db, input),
    patch: (sessionId, input) => patch(db, sessionId, input),
    async history(sessionId, page) {
      const { landingContext: _context, ...session } = await get(db, sessionId)
      return readHistory(db, writtenKnowledge, session, page)
    },
    start: () => idle.start(),
    stop: () => idle.stop(),
  }
}

/** Makes quiet sessions idle; true when there may be more of them. */
export async function markIdleSessions(db: Database): Promise<boolean> {
  return (await markIdle(db, IDLE_AFTER_SECONDS, IDLE_BATCH)).length === IDLE_BATCH
}

interface Creating {
  db: Database
  land: Land
  insert(session: NewSession): Promise<Omit<Session, 'landingContext'> | undefined>
}

async function create(
  { db, land, insert }: Creating,
  input: CreateSessionInput,
  request: string | undefined,
): Promise<Session> {
  const { agentPlatform, agentRole, project, goal, maxTokens = maxTokensOf(agentRole) } = input
  if (input.confirmNames !== true) await refuseSlips(db, agentPlatform, agentRole)
  const { context, version } = await land({ project, role: agentRole, goal, maxTokens })
  for (let attempt = 0; attempt < ID_ATTEMPTS_MAX; attempt++) {
    const session: NewSession = {
      sessionId: `${agentPlatform}_${agentRole}_${hexDigits(ID_DIGITS, request, attempt)}`,
      agentPlatform,
      agentRole,
      parentSessionId: input.parentSessionId ?? null,
      project: project ?? null,
      title: input.title ?? null,
      goal: goal ?? null,
      landingContext: context,
      landingContextVersion: version,
      metadata: input.metadata ?? {},
    }
    const made = await insert(session)
    if (made !== undefined) return { ...made, landingContext: context }
    const [taken] = await selectSession(db, session.sessionId)
    if (taken === undefined) throw noParent()
    // The same request again, whose answer was lost: the id is derived from it, and it says the same.
    if (request !== undefined && isSame(taken, session)) return taken
  }
  throw new TurboError('conflict', `no free id was found for a session of ${agentPlatform} as ${agentRole}`, {
    next: 'Repeat the request.',
  })
}

/** Names that look like a slip of a known one are refused, unless the operators use them already. */
async function refuseSlips(db: Database, platform: string, role: string): Promise<void> {
  for (const miss of nearMisses(platform, role)) {
    if (!(await isNameUsed(db, miss.field, miss.name))) throw nearMissRefusal(miss)
  }
}

function isSame(taken: Session, wanted: NewSession): boolean {
  const { parentSessionId, project, title, goal, metadata } = wanted
  const { parentSessionId: parent, project: place, title: name, goal: aim, metadata: data } = taken
  return isDeepStrictEqual([parent, place, name, aim, data], [parentSessionId, project, title, goal, metadata])
}

function noParent(): TurboError {
  return invalid('/parent_session_id', 'no session has this id', 'List the sessions to see their ids.')
}

async function get(db: Database, sessionId: string): Promise<Session> {
  const [session] = await selectSession(db, sessionId)
  if (session === undefined) throw notFound(sessionId)
  return session
}

async function list(db: Database, { limit = PAGE_SESSIONS, cursor, ...filter }: ListSessionsInput) {
  const before = cursor === undefined ? null : readCursor('sessions', cursor, isMomentAndId)
  const rows = await listSessions(db, filter, before, limit + 1)
  const sessions = rows.slice(0, limit)
  const last = sessions.at(-1)
  const more = rows.length > limit && last !== undefined
  return { sessions, nextCursor: more ? writeCursor('sessions', [last.createdAt, last.sessionId]) : null }
}

async function patch(db: Database, sessionId: string, input: PatchSessionInput): Promise<SessionSummary> {
  const from = input.status === undefined ? null : statusesBefore(input.status)
  const [changed] = await updateSession(db, sessionId, input, from)
  if (changed !== undefined) return changed
  const { status } = await get(db, sessionId)
  const next = NEXT_STATUSES[status]
  throw new TurboError('conflict', `a session that is ${status} cannot become ${input.status}`, {
    next: next.length === 0 ? 'It has ended: create a new session.' : `It can become ${next.join(', ')}.`,
  })
}

function notFound(sessionId: string): TurboError {
  return new TurboError('not_found', `no session has the id ${sessionId}`, {
    next: 'List the sessions to see their ids.',
  })
}
