import { sql } from 'drizzle-orm'
import { bigint, boolean, check, index, jsonb, numeric, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { instant } from './types.ts'

/**
 * Append-only audit trail, one hash chain a session (or a task without one): a trigger refuses UPDATE and DELETE and
 * gives each row its place in its chain. Partitioned by month of `executed_at`, which drizzle cannot say.
 */
export const agentActions = pgTable(
  'agent_actions',
  {
    actionId: text().notNull().default(sql`'action_' || replace(gen_random_uuid()::text, '-', '')`),
    /** The session's id; `task:` and the task's id, or `system`, where there is none. */
    chainId: text().notNull(),
    /** 1 for the first row of the chain, without gaps. */
    seq: bigint({ mode: 'number' }).notNull(),
    sessionId: text(),
    taskId: text(),
    actionType: text().notNull(),
    actionDescription: text(),
    inputData: jsonb(),
    outputData: jsonb(),
    success: boolean().notNull().default(true),
    errorMessage: text(),
    /** Exact, as a hash is made over its text. */
    executionTimeMs: numeric({ precision: 14, scale: 3 }),
    changedFiles: text().array(),
    commandsExecuted: text().array(),
    apiEndpointsCalled: text().array(),
    executedAt: instant().notNull().defaultNow(),
    /** SHA-256 of the row before, hexadecimal; 64 zeros for the first. */
    previousHash: text().notNull(),
    hash: text().notNull(),
    metadata: jsonb().notNull().default({}),
  },
  (t) => [
    primaryKey({ columns: [t.actionId, t.executedAt], name: 'agent_actions_identity' }),
    index('agent_actions_chain').on(t.chainId, t.seq),
    index('agent_actions_session').on(t.sessionId, t.seq).where(sql`session_id is not null`),
    index('agent_actions_task').on(t.taskId, t.executedAt).where(sql`task_id is not null`),
    index('agent_actions_executed').on(t.executedAt),
  ],
)

/** The end of each chain: what the next row continues, and what a missing last row is noticed by. */
export const auditChains = pgTable('audit_chains', {
  chainId: text().primaryKey(),
  seq: bigint({ mode: 'number' }).notNull().default(0),
  hash: text().notNull(),
  /** When its last row was written; the next one is never earlier. */
  lastAt: instant(),
})

/** Rows of a chain that left with a detached month, gapless from `first_seq` to `seq`: verification goes on behind them. */
export const auditAnchors = pgTable(
  'audit_anchors',
  {
    chainId: text().notNull(),
    firstSeq: bigint({ mode: 'number' }).notNull(),
    /** What the first of them continues. */
    previousHash: text().notNull(),
    /** The last of them. */
    seq: bigint({ mode: 'number' }).notNull(),
    hash: text().notNull(),
    /** The table that the month became. */
    detachedTable: text().notNull(),
    detachedAt: instant().notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.chainId, t.seq] }), check('audit_anchors_seq', sql`first_seq between 1 and seq`)],
)
