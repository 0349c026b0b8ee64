import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  real,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'

const instant = () => timestamp({ withTimezone: true, mode: 'string' })

export const agentSessions = pgTable(
  'agent_sessions',
  {
    sessionId: text().primaryKey(),
    agentPlatform: text().notNull(),
    agentRole: text().notNull(),
    parentSessionId: text(),
    project: text(),
    title: text(),
    landingContext: jsonb().notNull().default({}),
    status: text().notNull().default('active'),
    createdAt: instant().notNull().defaultNow(),
    lastActive: instant().notNull().defaultNow(),
    tokensUsed: bigint({ mode: 'number' }).notNull().default(0),
    costUsd: numeric({ precision: 14, scale: 6 }).notNull().default('0'),
    metadata: jsonb().notNull().default({}),
  },
  (t) => [
    index('agent_sessions_created').on(t.createdAt),
    check('agent_sessions_status', sql`status in ('active', 'idle', 'paused', 'completed', 'failed')`),
  ],
)

export const agentTasks = pgTable(
  'agent_tasks',
  {
    taskId: text().primaryKey(),
    sessionId: text().references(() => agentSessions.sessionId, { onDelete: 'set null' }),
    planId: text(),
    taskType: text().notNull(),
    taskDescription: text().notNull(),
    taskPriority: integer().notNull().default(5),
    assignedToRole: text(),
    assignedToPlatform: text(),
    requiredContext: jsonb().notNull().default({}),
    inputData: jsonb().notNull().default({}),
    outputData: jsonb(),
    status: text().notNull().default('pending'),
    dependsOnTasks: text().array().notNull().default(sql`'{}'`),
    progressPercentage: integer().notNull().default(0),
    currentStep: text(),
    errorMessage: text(),
    timeoutSeconds: integer().notNull().default(300),
    maxRetries: integer().notNull().default(3),
    retryCount: integer().notNull().default(0),
    assignedWorkerId: text(),
    runAfter: instant(),
    createdAt: instant().notNull().defaultNow(),
    startedAt: instant(),
    completedAt: instant(),
    reviewStatus: text().notNull().default('none'),
    metadata: jsonb().notNull().default({}),
  },
  (t) => [
    index('agent_tasks_session').on(t.sessionId),
    index('agent_tasks_created').on(t.createdAt),
    check('agent_tasks_priority', sql`task_priority between 1 and 10`),
    check('agent_tasks_progress', sql`progress_percentage between 0 and 100`),
    check('agent_tasks_status', sql`status in ('pending', 'blocked', 'running', 'completed', 'failed', 'cancelled')`),
    check('agent_tasks_review', sql`review_status in ('none', 'approved', 'rejected', 'needs_revision')`),
  ],
)

/** Append-only audit trail: a trigger refuses UPDATE and DELETE. */
export const agentActions = pgTable(
  'agent_actions',
  {
    actionId: text().primaryKey(),
    sessionId: text(),
    taskId: text(),
    seq: bigint({ mode: 'number' }),
    actionType: text().notNull(),
    actionDescription: text(),
    inputData: jsonb(),
    outputData: jsonb(),
    success: boolean().notNull().default(true),
    errorMessage: text(),
    executionTimeMs: real(),
    changedFiles: text().array(),
    commandsExecuted: text().array(),
    executedAt: instant().notNull().defaultNow(),
    previousHash: text(),
    hash: text(),
    metadata: jsonb().notNull().default({}),
  },
  (t) => [index('agent_actions_session').on(t.sessionId, t.seq), index('agent_actions_executed').on(t.executedAt)],
)

/** Persisted landing-context snapshots; may be emptied at any time. */
export const agentContextCache = pgTable('agent_context_cache', {
  contextKey: text().primaryKey(),
  contextVersion: bigint({ mode: 'number' }).notNull().default(1),
  payload: jsonb().notNull(),
  tokens: integer().notNull().default(0),
  generatedAt: instant().notNull().defaultNow(),
  expiresAt: instant(),
})

/** The machines that exist; each registers itself, measured and not typed in. */
export const systemNodes = pgTable('system_nodes', {
  nodeName: text().primaryKey(),
  nodeRole: text(),
  status: text().notNull().default('active'),
  facts: jsonb().notNull().default({}),
  createdAt: instant().notNull().defaultNow(),
  lastSeen: instant().notNull().defaultNow(),
})
