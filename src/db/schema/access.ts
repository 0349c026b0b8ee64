import { sql } from 'drizzle-orm'
import { bigint, check, index, pgTable, primaryKey, smallint, text, timestamp, uuid } from 'drizzle-orm/pg-core'

const instant = () => timestamp({ withTimezone: true, mode: 'string' })

/** Keys of the HTTP surface. The key itself is shown once, when it is made; only its SHA-256 is kept. */
export const apiKeys = pgTable(
  'api_keys',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    name: text().notNull(),
    /** The first characters of the key, for a person to tell keys apart. */
    prefix: text().notNull(),
    /** SHA-256 of the whole key, hexadecimal. */
    keyHash: text().notNull().unique(),
    scopes: text().array().notNull(),
    createdAt: instant().notNull().defaultNow(),
    expiresAt: instant(),
    revokedAt: instant(),
    lastUsedAt: instant(),
  },
  () => [
    check('api_keys_scopes', sql`cardinality(scopes) > 0 and scopes <@ array['read', 'write', 'worker', 'admin']`),
  ],
)

/** One row a request that carried an Idempotency-Key: in flight while `status` is null, then its answer for 24 hours. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    principal: text().notNull(),
    operation: text().notNull(),
    key: text().notNull(),
    /** SHA-256 of the operation's input, hexadecimal. */
    fingerprint: text().notNull(),
    /** The attempt that holds the row; an attempt that lost it must not write its answer. */
    owner: uuid().notNull(),
    /** In flight until then at the latest, unless its process prolongs it. */
    lockedUntil: instant().notNull(),
    status: smallint(),
    /** JSON text; null beside a status when the answer was too large to keep. */
    body: text(),
    createdAt: instant().notNull().defaultNow(),
    expiresAt: instant().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.principal, t.operation, t.key] }),
    index('idempotency_keys_expires_at').on(t.expiresAt),
  ],
)
