/** A transaction may stand idle on a server for this long before the server ends it. */
const idleInTransactionMs = 60_000

/** A statement of a migration, or under an exclusive lock (building an index), may take this long. */
export const exclusiveStatementMs = 3_600_000

/**
 * One statement that sets up a new connection, in one round trip. The hnsw settings are accepted before the extension
 * exists (PostgreSQL keeps them as placeholders), so it also runs on an empty database.
 *
 * @param more expressions to select beside the settings
 */
export function connectionSettings(statementTimeoutMs: number, ...more: string[]): string {
  const settings: [string, string][] = [
    ['TimeZone', 'UTC'],
    ['DateStyle', 'ISO'],
    ['statement_timeout', String(statementTimeoutMs)],
    ['idle_in_transaction_session_timeout', String(idleInTransactionMs)],
    ['jit', 'off'],
    // Every statement is written for one plan; planning the search anew each time would double its cost.
    ['plan_cache_mode', 'force_generic_plan'],
    // Starting a worker takes longer than a query, and statistics taken during a bulk load ask for some.
    ['max_parallel_workers_per_gather', '0'],
    ['hnsw.ef_search', '100'],
    ['hnsw.iterative_scan', 'relaxed_order'],
  ]
  const calls = settings.map(([name, value]) => `set_config('${name}', '${value}', false)`)
  return `select ${[...calls, ...more].join(', ')}`
}
