import { bigint, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { taskAttempts } from './tasks.ts'
import { instant } from './types.ts'

/** What runs said while they ran, in batches as they came. Append-only; goes with its attempt. */
export const taskLog = pgTable(
  'task_log',
  {
    /** 1 for the first entry of a task; the order over its attempts, and what a reader has seen. */
    seq: bigint({ mode: 'number' }).notNull(),
    taskId: text().notNull(),
    attemptId: uuid()
      .notNull()
      .references(() => taskAttempts.attemptId, { onDelete: 'cascade' }),
    attemptNumber: integer().notNull(),
    kind: text().notNull(),
    body: text().notNull(),
    loggedAt: instant().notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.taskId, t.seq] }), index('task_log_attempt').on(t.attemptId)],
)
