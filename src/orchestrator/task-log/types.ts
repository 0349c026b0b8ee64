import type { TaskStatus } from '../states.ts'

/** `left_out`: how much of what was said is not there. */
export const LOG_KINDS = ['session', 'text', 'tool', 'tool_end', 'notice', 'denied', 'failure', 'left_out'] as const
export type LogKind = (typeof LOG_KINDS)[number]

export interface LogLine {
  /** 1 for the first of an attempt. */
  seq: number
  kind: LogKind
  body: string
}

export interface LogEntry extends LogLine {
  attemptNumber: number
  loggedAt: string
}

export interface LogPage {
  /** In the order in which it was said. */
  entries: LogEntry[]
  /** Where to go on; also at the end of what is there, as more may come. Null before anything was said. */
  nextCursor: string | null
}

/** What who follows a log is told. */
export type LogEvent =
  | {
      kind: 'entry'
      entry: LogEntry
      /** Where to go on after it. */
      cursor: string
    }
  /** The last one: the task has ended, and everything of its log was told. */
  | { kind: 'end'; taskId: string; status: TaskStatus }

export interface FollowOptions {
  /** Goes on behind it; default: from the first entry. */
  cursor?: string
  /** Ends the following, at once. */
  signal: AbortSignal
}

/** What runs said while they ran. */
export interface TaskLogService {
  /** @throws TurboError `not_found`, `invalid_input` (a cursor that is none) */
  list(taskId: string, page: { limit?: number; cursor?: string }): Promise<LogPage>
  /**
   * What runs of the task say, as they say it, until the task has ended; holds one small page of it at a time. What it
   * rejects with comes before the first event, or from the iteration (`unavailable`, `timeout`).
   *
   * @throws TurboError `not_found`, `invalid_input` (a cursor that is none)
   */
  follow(taskId: string, options: FollowOptions): Promise<AsyncIterable<LogEvent>>
}

/** {@link TaskLogService} with the side that workers write to. */
export interface TaskLog extends TaskLogService {
  /** False when the attempt has lost its task: nothing was written. The same lines again change nothing. */
  append(attemptId: string, lines: readonly LogLine[]): Promise<boolean>
}
