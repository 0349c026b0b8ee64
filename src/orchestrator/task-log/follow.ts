import type { Executor } from '../../db/executor.ts'
import { ENDED } from '../states.ts'
import { notFound } from '../tasks/read.ts'
import type { LogChanges } from './changes.ts'
import { cursorOf, positionOf } from './position.ts'
import { type LogPosition, selectProgress } from './queries.ts'
import type { FollowOptions, LogEvent } from './types.ts'

/** Of 16 KB at most each: the memory that one reader takes, however slow it is. */
const PAGE_LINES = 32
/** For ends that nobody notified of, and for notifications that were lost. */
const POLL_MS = 2_000

/** See `TaskLogService.follow`. */
export async function followLog(
  { db, changes }: { db: Executor; changes: LogChanges },
  taskId: string,
  { cursor, signal }: FollowOptions,
): Promise<AsyncIterable<LogEvent>> {
  const after = positionOf(cursor)
  if ((await selectProgress(db, taskId, after, 0)) === undefined) throw notFound(taskId)
  return events({ db, changes, taskId, after, signal })
}

async function* events({
  db,
  changes,
  taskId,
  after,
  signal,
}: {
  db: Executor
  changes: LogChanges
  taskId: string
  after: LogPosition
  signal: AbortSignal
}): AsyncGenerator<LogEvent, void, void> {
  const watch = await changes.watch(taskId)
  try {
    let position = after
    while (!signal.aborted) {
      const progress = await selectProgress(db, taskId, position, PAGE_LINES)
      if (progress === undefined) throw notFound(taskId)
      const { status, entries } = progress
      for (const entry of entries) {
        if (signal.aborted) return
        position = entry
        yield { kind: 'entry', entry, cursor: cursorOf(entry) }
      }
      if (entries.length === PAGE_LINES) continue
      if (ENDED.includes(status)) return yield { kind: 'end', taskId, status }
      await watch.next(POLL_MS, signal)
    }
  } finally {
    watch.end()
  }
}
