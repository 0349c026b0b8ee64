import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { taskAttempts } from './tasks.ts'
import { instant } from './types.ts'

/** What runs said while they ran, in the order in which they said it. Append-only; goes with its attempt. */
export const taskLog = pgTable(
  'task_log',
  {
    taskId: text().notNull(),
    attemptNumber: integer().notNull(),
    /** 1 for the first entry of an attempt. */
    seq: integer().notNull(),
    attemptId: uuid()
      .notNull()
      .references(() => taskAttempts.attemptId, { onDelete: 'cascade' }),
    kind: text().notNull(),
    body: text().notNull(),
    loggedAt: instant().notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.taskId, t.attemptNumber, t.seq] }),
    index('task_log_attempt').on(t.attemptId),
    check(
      'task_log_kind',
      sql`kind in ('session', 'text', 'tool', 'tool_end', 'notice', 'denied', 'failure', 'left_out')`,
    ),
  ],
)
