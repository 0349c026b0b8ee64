import { sql } from 'drizzle-orm'
import { type AnyPgColumn, bigint, check, index, integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core'
import { dollars, instant } from './types.ts'

/** One run of an agent, or of a person at work; delegation makes a tree of them. */
export const agentSessions = pgTable(
  'agent_sessions',
  {
    sessionId: text().primaryKey(),
    agentPlatform: text().notNull(),
    agentRole: text().notNull(),
    parentSessionId: text().references((): AnyPgColumn => agentSessions.sessionId, { onDelete: 'set null' }),
    project: text(),
    title: text(),
    goal: text(),
    landingContext: jsonb().notNull().default({}),
    /** Version of the landing context that the session began with. */
    landingContextVersion: text(),
    status: text().notNull().default('active'),
    createdAt: instant().notNull().defaultNow(),
    lastActive: instant().notNull().defaultNow(),
    endedAt: instant(),
    tokensUsed: bigint({ mode: 'number' }).notNull().default(0),
    costUsd: dollars().notNull().default('0'),
    metadata: jsonb().notNull().default({}),
  },
  (t) => [
    index('agent_sessions_created').on(t.createdAt, t.sessionId),
    index('agent_sessions_live').on(t.status, t.lastActive).where(sql`status in ('active', 'idle', 'paused')`),
    index('agent_sessions_live_created')
      .on(t.createdAt, t.sessionId)
      .where(sql`status in ('active', 'idle', 'paused')`),
    index('agent_sessions_live_project')
      .on(t.project, t.createdAt, t.sessionId)
      .where(sql`status in ('active', 'idle', 'paused') and project is not null`),
    index('agent_sessions_parent').on(t.parentSessionId).where(sql`parent_session_id is not null`),
    index('agent_sessions_project').on(t.project, t.createdAt).where(sql`project is not null`),
    check('agent_sessions_status', sql`status in ('active', 'idle', 'paused', 'completed', 'failed')`),
    check('agent_sessions_parent_other', sql`parent_session_id <> session_id`),
  ],
)

/** What was said in a session, in pieces, with what was found in each. */
export const conversationChunks = pgTable(
  'conversation_chunks',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    sessionId: text()
      .notNull()
      .references(() => agentSessions.sessionId, { onDelete: 'cascade' }),
    /** The caller's name for the piece, unique in its session. */
    chunkId: text().notNull(),
    content: text().notNull(),
    format: text().notNull().default('dialogue'),
    startTime: instant(),
    endTime: instant(),
    participants: text().array().notNull().default(sql`'{}'`),
    /** `{ideas, decisions, questions, action_items}`, each a list of texts. */
    extractedItems: jsonb().notNull().default({}),
    metadata: jsonb().notNull().default({}),
    createdAt: instant().notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex('conversation_chunks_identity').on(t.sessionId, t.chunkId),
    index('conversation_chunks_session').on(t.sessionId, t.id),
    check('conversation_chunks_format', sql`format in ('dialogue', 'summary', 'transcript')`),
  ],
)

/** What an agent made: a text with a name, attached to the task and the session it came from. */
export const artifacts = pgTable(
  'artifacts',
  {
    artifactId: text().primaryKey(),
    sessionId: text().references(() => agentSessions.sessionId, { onDelete: 'set null' }),
    taskId: text(),
    artifactType: text().notNull(),
    name: text().notNull(),
    format: text().notNull().default('text'),
    content: text().notNull(),
    /** SHA-256 of the content, hexadecimal. */
    contentHash: text().notNull(),
    contentBytes: integer().notNull(),
    metadata: jsonb().notNull().default({}),
    createdAt: instant().notNull().defaultNow(),
  },
  (t) => [
    index('artifacts_session').on(t.sessionId, t.createdAt).where(sql`session_id is not null`),
    index('artifacts_task').on(t.taskId, t.createdAt).where(sql`task_id is not null`),
    index('artifacts_created').on(t.createdAt, t.artifactId),
    check('artifacts_content_hash', sql`content_hash ~ '^[0-9a-f]{64}$'`),
  ],
)
