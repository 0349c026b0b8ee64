import type { Log } from '../../base/log.ts'
import type { Database } from '../../db/executor.ts'
import { findTask } from '../tasks/queries.ts'
import { notFound } from '../tasks/read.ts'
import { createLogChanges } from './changes.ts'
import { followLog } from './follow.ts'
import { cursorOf, positionOf } from './position.ts'
import { insertLines, selectLines } from './queries.ts'
import type { TaskLog } from './types.ts'

const PAGE_LINES_DEFAULT = 200

export function createTaskLog({ db, log }: { db: Database; log: Log }): TaskLog {
  const changes = createLogChanges({ db, log })
  return {
    async list(taskId, { limit = PAGE_LINES_DEFAULT, cursor }) {
      const entries = await selectLines(db, taskId, positionOf(cursor), limit)
      if (entries.length === 0 && (await findTask(db, taskId)) === undefined) throw notFound(taskId)
      const last = entries.at(-1)
      return { entries, nextCursor: last === undefined ? (cursor ?? null) : cursorOf(last) }
    },
    follow: (taskId, options) => followLog({ db, changes }, taskId, options),
    append: (attemptId, lines) => insertLines(db, attemptId, lines),
  }
}
