import { sql } from 'drizzle-orm'
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  real,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import { halfvec, tsvector } from './types.ts'

const id = () => bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity()
const instant = () => timestamp({ withTimezone: true, mode: 'string' })

/** A model, its dimension and its prefix scheme: vectors are compared only inside one space. */
export const embeddingSpaces = pgTable(
  'embedding_spaces',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    model: text().notNull(),
    dimensions: integer().notNull(),
    prefixScheme: text().notNull().default('none'),
    status: text().notNull().default('building'),
    embedder: jsonb(),
    chunkTokens: integer().notNull(),
    createdAt: instant().notNull().defaultNow(),
    activatedAt: instant(),
  },
  (t) => [
    uniqueIndex('embedding_spaces_identity').on(t.model, t.dimensions, t.prefixScheme),
    uniqueIndex('embedding_spaces_one_active').on(t.status).where(sql`status = 'active'`),
    check('embedding_spaces_status', sql`status in ('building', 'active', 'retired')`),
    check('embedding_spaces_dimensions', sql`dimensions between 1 and 4000`),
  ],
)

/** One ingested file or page; its text lives in `agent_knowledge`. */
export const documents = pgTable(
  'documents',
  {
    id: id(),
    project: text(),
    source: text().notNull(),
    path: text().notNull(),
    title: text(),
    mediaType: text().notNull(),
    contentHash: text().notNull(),
    chunks: integer().notNull().default(0),
    createdAt: instant().notNull().defaultNow(),
    updatedAt: instant().notNull().defaultNow(),
    expiredAt: instant(),
  },
  (t) => [uniqueIndex('documents_identity').on(sql`coalesce(project, '')`, t.source, t.path)],
)

/** One row an item. `valid_to` is null while it is the current one; a superseded item points at its successor. */
export const agentKnowledge = pgTable(
  'agent_knowledge',
  {
    id: id(),
    content: text().notNull(),
    contentHash: text().notNull(),
    title: text(),
    knowledgeType: text().notNull().default('note'),
    category: text(),
    tags: text().array().notNull().default(sql`'{}'`),
    project: text(),
    scope: text().notNull().default('global'),
    sourceSession: text(),
    sourceTask: text(),
    sourceAgent: text(),
    sourceUrl: text(),
    sourceCommit: text(),
    documentId: bigint({ mode: 'number' }).references(() => documents.id, { onDelete: 'set null' }),
    importance: real().notNull().default(0.5),
    validFrom: instant().notNull().defaultNow(),
    validTo: instant(),
    supersededBy: bigint({ mode: 'number' }).references((): AnyPgColumn => agentKnowledge.id, { onDelete: 'set null' }),
    expiresAt: instant(),
    accessCount: integer().notNull().default(0),
    lastAccessed: instant(),
    metadata: jsonb().notNull().default({}),
    embeddingState: text().notNull().default('pending'),
    lexemes: tsvector().notNull().default(sql`''`),
    createdAt: instant().notNull().defaultNow(),
    updatedAt: instant().notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex('agent_knowledge_current_content')
      .on(t.contentHash, sql`coalesce(project, '')`, t.scope, sql`coalesce(document_id, 0)`)
      .where(sql`valid_to is null`),
    index('agent_knowledge_lexemes').using('gin', t.lexemes),
    index('agent_knowledge_project').on(t.project, t.id),
    index('agent_knowledge_scope').on(t.scope, t.id).where(sql`scope <> 'global'`),
    index('agent_knowledge_type').on(t.knowledgeType, t.id),
    index('agent_knowledge_tags').using('gin', t.tags),
    index('agent_knowledge_session').on(t.sourceSession).where(sql`source_session is not null`),
    index('agent_knowledge_task').on(t.sourceTask).where(sql`source_task is not null`),
    index('agent_knowledge_notable')
      .on(sql`coalesce(project, '')`, t.importance, t.id)
      .where(sql`valid_to is null and document_id is null`),
    index('agent_knowledge_document').on(t.documentId).where(sql`document_id is not null`),
    index('agent_knowledge_superseded_by').on(t.supersededBy).where(sql`superseded_by is not null`),
    index('agent_knowledge_expires_at').on(t.expiresAt).where(sql`expires_at is not null and valid_to is null`),
    index('agent_knowledge_pending').on(t.id).where(sql`embedding_state = 'pending'`),
    check('agent_knowledge_content_hash', sql`content_hash ~ '^[0-9a-f]{64}$'`),
    check('agent_knowledge_importance', sql`importance between 0 and 1`),
    check('agent_knowledge_embedding_state', sql`embedding_state in ('pending', 'ready')`),
  ],
)

/** A passage of an item, as UTF-16 offsets into its content: what one vector stands for. */
export const knowledgeChunks = pgTable(
  'knowledge_chunks',
  {
    id: id(),
    itemId: bigint({ mode: 'number' })
      .notNull()
      .references(() => agentKnowledge.id, { onDelete: 'cascade' }),
    ordinal: integer().notNull(),
    startOffset: integer().notNull(),
    endOffset: integer().notNull(),
    heading: text(),
    /** Words of the passage and its headings; null for the only passage of an item. */
    lexemes: tsvector(),
  },
  (t) => [
    uniqueIndex('knowledge_chunks_item').on(t.itemId, t.ordinal),
    // Says of an item without looking at its chunks that it has no passages: most have none.
    index('knowledge_chunks_passages').on(t.itemId).where(sql`lexemes is not null`),
  ],
)

/**
 * A vector a chunk and space. Rows start outside the space's HNSW index (`indexed` false) and are searched exactly
 * until the indexer lets them in, so that an add costs no graph insertion and is still found at once.
 */
export const knowledgeVectors = pgTable(
  'knowledge_vectors',
  {
    chunkId: bigint({ mode: 'number' })
      .notNull()
      .references(() => knowledgeChunks.id, { onDelete: 'cascade' }),
    spaceId: integer()
      .notNull()
      .references(() => embeddingSpaces.id, { onDelete: 'cascade' }),
    itemId: bigint({ mode: 'number' }).notNull(),
    indexed: boolean().notNull().default(false),
    embedding: halfvec().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.chunkId, t.spaceId] }),
    index('knowledge_vectors_item').on(t.itemId, t.spaceId),
    index('knowledge_vectors_fresh').on(t.spaceId, t.chunkId).where(sql`not indexed`),
  ],
)

/** What an item's fields were before each change. */
export const knowledgeRevisions = pgTable(
  'knowledge_revisions',
  {
    id: id(),
    itemId: bigint({ mode: 'number' })
      .notNull()
      .references(() => agentKnowledge.id, { onDelete: 'cascade' }),
    changedAt: instant().notNull().defaultNow(),
    before: jsonb().notNull(),
  },
  (t) => [index('knowledge_revisions_item').on(t.itemId, t.id)],
)

/** Document frequency of each lexeme: the statistics behind idf, brought up to date in the background. */
export const knowledgeLexicon = pgTable('knowledge_lexicon', {
  lexeme: text().primaryKey(),
  documents: integer().notNull(),
})

/** One row: how many items and lexemes the lexicon has counted, and up to which item. */
export const knowledgeCorpus = pgTable(
  'knowledge_corpus',
  {
    id: integer().primaryKey().default(1),
    items: bigint({ mode: 'number' }).notNull().default(0),
    lexemes: bigint({ mode: 'number' }).notNull().default(0),
    throughId: bigint({ mode: 'number' }).notNull().default(0),
    refreshedAt: instant().notNull().defaultNow(),
  },
  () => [check('knowledge_corpus_one_row', sql`id = 1`)],
)
