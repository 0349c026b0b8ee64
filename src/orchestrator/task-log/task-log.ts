import { invalid } from '../../base/errors.ts'
import type { Database } from '../../db/executor.ts'
import { findTask } from '../tasks/queries.ts'
import { notFound } from '../tasks/read.ts'
import { insertLines, selectLines } from './queries.ts'
import type { TaskLog } from './types.ts'

const PAGE_LINES_DEFAULT = 200

export function createTaskLog({ db }: { db: Database }): TaskLog {
  return {
    async list(taskId, { limit = PAGE_LINES_DEFAULT, cursor }) {
      const after = cursor === undefined ? { attemptNumber: 0, seq: 0 } : readPosition(cursor)
      const entries = await selectLines(db, taskId, after, limit)
      if (entries.length === 0 && (await findTask(db, taskId)) === undefined) throw notFound(taskId)
      const last = entries.at(-1)
      return { entries, nextCursor: last === undefined ? (cursor ?? null) : `${last.attemptNumber}.${last.seq}` }
    },
    append: (attemptId, lines) => insertLines(db, attemptId, lines),
  }
}

/** `attempt.seq`, as it stands beside each entry. */
function readPosition(cursor: string): { attemptNumber: number; seq: number } {
  const [, attemptNumber, seq] = /^(\d{1,9})\.(\d{1,9})$/.exec(cursor) ?? []
  if (attemptNumber === undefined) throw invalid('/cursor', 'expected a cursor as an earlier page gave it, e.g. 1.20')
  return { attemptNumber: Number(attemptNumber), seq: Number(seq) }
}
