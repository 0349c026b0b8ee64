import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core'
import { instant } from './types.ts'

/** Persisted landing-context snapshots; may be emptied at any time. A few hundred rows, rewritten often: no index more. */
export const agentContextCache = pgTable('agent_context_cache', {
  contextKey: text().primaryKey(),
  /** How often the content has changed. */
  contextVersion: bigint({ mode: 'number' }).notNull().default(1),
  payload: jsonb().notNull(),
  tokens: integer().notNull().default(0),
  /** When the content came to be as it is. */
  generatedAt: instant().notNull().defaultNow(),
  /** Until when it is kept without being asked for. */
  expiresAt: instant(),
})

/** The machines that exist; each registers itself, measured and not typed in. */
export const systemNodes = pgTable(
  'system_nodes',
  {
    nodeName: text().primaryKey(),
    nodeRole: text(),
    status: text().notNull().default('active'),
    /** What was measured: operating system, processor, memory, graphics, versions. */
    facts: jsonb().notNull().default({}),
    createdAt: instant().notNull().defaultNow(),
    lastSeen: instant().notNull().defaultNow(),
  },
  () => [check('system_nodes_status', sql`status in ('active', 'inactive', 'maintenance')`)],
)

/** What runs on the machines, with its health. */
export const services = pgTable(
  'services',
  {
    serviceName: text().primaryKey(),
    nodeName: text().references(() => systemNodes.nodeName, { onDelete: 'set null' }),
    serviceType: text(),
    url: text(),
    port: integer(),
    version: text(),
    status: text().notNull().default('running'),
    /** Why it is degraded or stopped, in the reporter's words. */
    detail: text(),
    metadata: jsonb().notNull().default({}),
    createdAt: instant().notNull().defaultNow(),
    lastSeen: instant().notNull().defaultNow(),
  },
  (t) => [
    index('services_node').on(t.nodeName).where(sql`node_name is not null`),
    check('services_status', sql`status in ('running', 'degraded', 'stopped', 'unknown')`),
    check('services_port', sql`port between 1 and 65535`),
  ],
)
