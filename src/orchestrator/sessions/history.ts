import type { Executor } from '../../db/executor.ts'
import { listArtifacts } from '../artifacts/queries.ts'
import { isMomentAndId, readCursor, writeCursor } from '../cursor.ts'
import { selectActions, selectChunks, selectTasks } from './queries.ts'
import type { SessionHistory, SessionSummary, WrittenKnowledge } from './types.ts'

const ROWS_PER_LIST = 50

/** Where each list goes on; `undefined` from its start, null when it has ended. */
interface Positions {
  tasks?: number | null
  actions?: number | null
  conversation?: number | null
  knowledge?: string | null
  artifacts?: [string, string] | null
}

/** What happened in a session: five lists that are read at once, with one cursor for all of them. */
export async function readHistory(
  db: Executor,
  written: WrittenKnowledge,
  session: SessionSummary,
  { limit = ROWS_PER_LIST, cursor }: { limit?: number; cursor?: string },
): Promise<SessionHistory> {
  const at = cursor === undefined ? {} : readPositions(cursor)
  const id = session.sessionId
  const [tasks, actions, conversation, artifacts, knowledge] = await Promise.all([
    at.tasks === null ? [] : selectTasks(db, id, at.tasks ?? null, limit + 1),
    at.actions === null ? [] : selectActions(db, id, at.actions ?? null, limit + 1),
    at.conversation === null ? [] : selectChunks(db, id, at.conversation ?? null, limit + 1),
    at.artifacts === null ? [] : listArtifacts(db, { sessionId: id }, at.artifacts ?? null, limit + 1),
    at.knowledge === null ? NOTHING : written(id, { limit, cursor: at.knowledge }),
  ])
  const next: Positions = {
    tasks: nextOf(tasks, limit, (task) => task.taskSeq),
    actions: nextOf(actions, limit, (action) => action.seq),
    conversation: nextOf(conversation, limit, (chunk) => chunk.id),
    artifacts: nextOf(artifacts, limit, (artifact) => [artifact.createdAt, artifact.artifactId]),
    knowledge: knowledge.nextCursor,
  }
  return {
    session,
    tasks: tasks.slice(0, limit).map(({ taskSeq: _seq, ...task }) => task),
    actions: actions.slice(0, limit),
    conversation: conversation.slice(0, limit).map(({ id: _id, ...chunk }) => chunk),
    knowledge: knowledge.items,
    artifacts: artifacts.slice(0, limit),
    nextCursor: Object.values(next).every((position) => position === null) ? null : writeCursor('history', [next]),
  }
}

const NOTHING = { items: [], nextCursor: null }

/** The position of the last row that is shown, where there are more. */
function nextOf<Row, Position>(rows: readonly Row[], limit: number, positionOf: (row: Row) => Position) {
  const last = rows[limit - 1]
  return rows.length > limit && last !== undefined ? positionOf(last) : null
}

function readPositions(cursor: string): Positions {
  const [positions] = readCursor('history', cursor, (given): given is [Positions] => {
    const [value] = given
    if (given.length !== 1 || typeof value !== 'object' || value === null) return false
    const { tasks, actions, conversation, knowledge, artifacts } = value as Record<string, unknown>
    return (
      [tasks, actions, conversation].every((seq) => seq === null || Number.isSafeInteger(seq)) &&
      (knowledge === null || typeof knowledge === 'string') &&
      (artifacts === null || (Array.isArray(artifacts) && isMomentAndId(artifacts)))
    )
  })
  return positions
}
