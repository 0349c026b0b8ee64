import { type SQL, sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import type { Action, ActionFilter, ChainHead } from './types.ts'

/** All SQL of the audit trail, beside the functions and triggers of migration 0003. */

/** Bytes of the texts in one answer; a page that would pass them ends early. */
const ANSWER_BYTES_MAX = 4_000_000

/** What an append tells of the row. */
export interface WrittenRow {
  actionId: string
  seq: number
  hash: string
}

/** Writes one entry (an object with columns of agent_actions); no row when its session or its task does not exist. */
export async function appendAction(
  db: Executor,
  { sessionId, taskId, entry }: { sessionId: string; taskId: string | undefined; entry: Record<string, unknown> },
): Promise<WrittenRow[]> {
  return db.query(sql`
    select a.action_id, a.seq, a.hash
    from agent_sessions s cross join lateral audit_append(array[${JSON.stringify(entry)}::jsonb]) a
    where s.session_id = ${sessionId}
      and (${taskId ?? null}::text is null or exists (select from agent_tasks where task_id = ${taskId ?? null}))`)
}

/** The row with this id in the session's chain, which a repeated request has written before. */
export async function selectWritten(db: Executor, sessionId: string, actionId: string): Promise<WrittenRow[]> {
  return db.query(sql`
    select action_id, seq, hash from agent_actions where action_id = ${actionId} and chain_id = ${sessionId} limit 1`)
}

export async function selectSession(db: Executor, sessionId: string): Promise<{ sessionId: string }[]> {
  return db.query(sql`select session_id from agent_sessions where session_id = ${sessionId}`)
}

const ACTION_COLUMNS = sql.raw(`a.action_id, a.session_id, a.task_id, a.action_type, a.action_description, a.input_data,
  a.output_data, a.success, a.error_message, a.execution_time_ms, a.changed_files, a.commands_executed,
  a.api_endpoints_called, a.executed_at, a.metadata, a.chain_id, a.seq, a.previous_hash, a.hash`)

/**
 * Rows by time, newest first, from below `before`: up to `limit`, fewer where they pass {@link ANSWER_BYTES_MAX}, and at
 * least one. `found` counts the rows there are, no further than `limit` + 1.
 */
export async function listActions(
  db: Executor,
  filter: ActionFilter,
  before: [executedAt: string, actionId: string] | null,
  limit: number,
): Promise<(Action & { found: number })[]> {
  return db.query(sql`
    select ${ACTION_COLUMNS}, page.found
    from (
      select *, count(*) over () as found, row_number() over newest as place, sum(bytes) over newest as total
      from (
        select a.action_id, a.executed_at, coalesce(octet_length(a.input_data::text), 0)
          + coalesce(octet_length(a.output_data::text), 0) + coalesce(octet_length(a.metadata::text), 0) as bytes
        from agent_actions a where ${matching(filter, before)}
        order by a.executed_at desc, a.action_id desc limit ${limit + 1}
      ) sized
      window newest as (order by executed_at desc, action_id desc)
    ) page join agent_actions a on a.action_id = page.action_id and a.executed_at = page.executed_at
    where page.place <= ${limit} and (page.place = 1 or page.total <= ${ANSWER_BYTES_MAX})
    order by a.executed_at desc, a.action_id desc`)
}

function matching(filter: ActionFilter, before: [string, string] | null): SQL {
  const conditions = [sql`true`]
  if (filter.sessionId !== undefined) conditions.push(sql`a.session_id = ${filter.sessionId}`)
  if (filter.taskId !== undefined) conditions.push(sql`a.task_id = ${filter.taskId}`)
  if (filter.actionType !== undefined) conditions.push(sql`a.action_type = ${filter.actionType}`)
  if (filter.success !== undefined) conditions.push(sql`a.success = ${filter.success}`)
  if (filter.since !== undefined) conditions.push(sql`a.executed_at >= ${filter.since}::timestamptz`)
  if (before !== null) {
    const [executedAt, actionId] = before
    conditions.push(sql`(a.executed_at, a.action_id) < (${executedAt}::timestamptz, ${actionId})`)
  }
  return sql.join(conditions, sql` and `)
}

/** A row as verification reads it: its place, what it claims, what it amounts to, and the end of its chain at that moment. */
export interface ChainedRow {
  chainId: string
  seq: number
  actionId: string
  sessionId: string | null
  executedAt: string
  previousHash: string
  hash: string
  /** The hash of what the row says now. */
  computed: string
  headSeq: number | null
  headHash: string | null
}

/** Position of a row in the order of verification; the last two tell forged rows at one place apart. */
export type ChainPosition = Pick<ChainedRow, 'chainId' | 'seq' | 'actionId' | 'executedAt'>

/**
 * The next rows by chain and place. The hash is that of `audit_hash` in migration 0003, written out here with nothing but
 * PostgreSQL's own functions: who changes the functions of the schema cannot make a changed row look whole.
 */
export async function selectChained(
  db: Executor,
  sessionId: string | undefined,
  after: ChainPosition | null,
  limit: number,
): Promise<ChainedRow[]> {
  const chain = sessionId === undefined ? sql`true` : sql`a.chain_id = ${sessionId}`
  const below =
    after === null
      ? sql`true`
      : sql`(a.chain_id, a.seq, a.action_id, a.executed_at)
          > (${after.chainId}, ${after.seq}, ${after.actionId}, ${after.executedAt}::timestamptz)`
  return db.query(sql`
    select a.chain_id, a.seq, a.action_id, a.session_id, a.executed_at, a.previous_hash, a.hash,
      encode(sha256(convert_to(a.previous_hash || jsonb_strip_nulls(jsonb_build_object(
        'action_id', a.action_id, 'chain_id', a.chain_id, 'seq', a.seq, 'session_id', a.session_id, 'task_id', a.task_id,
        'action_type', a.action_type, 'action_description', a.action_description, 'success', a.success,
        'error_message', a.error_message, 'execution_time_ms', a.execution_time_ms::text,
        'changed_files', to_jsonb(a.changed_files), 'commands_executed', to_jsonb(a.commands_executed),
        'api_endpoints_called', to_jsonb(a.api_endpoints_called), 'previous_hash', a.previous_hash,
        'executed_at', to_char(a.executed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'input_data', a.input_data::text, 'output_data', a.output_data::text, 'metadata', a.metadata::text
      ))::text, 'UTF8')), 'hex') as computed,
      h.seq as head_seq, h.hash as head_hash
    from (
      select * from agent_actions a where ${chain} and ${below}
      order by a.chain_id, a.seq, a.action_id, a.executed_at limit ${limit}
    ) a left join audit_chains h on h.chain_id = a.chain_id
    order by a.chain_id, a.seq, a.action_id, a.executed_at`)
}

/** Rows of a chain that left with a detached month. */
export interface Anchor {
  chainId: string
  firstSeq: number
  previousHash: string
  seq: number
  hash: string
}

export async function selectAnchors(db: Executor, chainIds: readonly string[]): Promise<Anchor[]> {
  return db.query(sql`
    select chain_id, first_seq, previous_hash, seq, hash from audit_anchors
    where chain_id = any(${sql.param(chainIds)}::text[]) order by chain_id, first_seq`)
}

/** The next chains with their ends, and whether any row of them is in an attached month. */
export async function selectEnds(
  db: Executor,
  sessionId: string | undefined,
  afterChainId: string,
  limit: number,
): Promise<(ChainHead & { attached: boolean })[]> {
  const chain = sessionId === undefined ? sql`true` : sql`h.chain_id = ${sessionId}`
  return db.query(sql`
    select h.chain_id, h.seq, h.hash, exists (select from agent_actions a where a.chain_id = h.chain_id) as attached
    from audit_chains h where ${chain} and h.chain_id > ${afterChainId} order by h.chain_id limit ${limit}`)
}

/** Sessions that no chain tells of, though their creation is always the first row of one. */
export async function selectUnchainedSessions(
  db: Executor,
  sessionId: string | undefined,
): Promise<{ sessionId: string }[]> {
  const session = sessionId === undefined ? sql`true` : sql`s.session_id = ${sessionId}`
  return db.query(sql`
    select s.session_id from agent_sessions s
    where ${session} and not exists (select from audit_chains h where h.chain_id = s.session_id)
    order by s.session_id limit 1`)
}

export async function listHeads(db: Executor, afterChainId: string, limit: number): Promise<ChainHead[]> {
  return db.query(sql`
    select chain_id, seq, hash from audit_chains where chain_id > ${afterChainId} order by chain_id limit ${limit}`)
}

/** Gives up instead of making everybody wait behind it for a long transaction; the caller tries again later. */
export async function limitLockWait(tx: Executor): Promise<void> {
  await tx.query(sql`set local lock_timeout = '2s'`)
}

/** Makes the tables of the months that are needed; how many were made. */
export async function makeMonths(tx: Executor): Promise<number> {
  const rows = await tx.query<{ made: number }>(sql`select audit_make_months() as made`)
  return rows[0]?.made ?? 0
}

/** Attached months that end by the first day of `before` (`YYYY-MM`), oldest first; `isOver` tells whether that has passed. */
export async function selectMonthsBefore(
  db: Executor,
  before: string,
): Promise<{ month: string | null; name: string | null; isOver: boolean }[]> {
  return db.query(sql`
    with bound as (select (${before} || '-01')::date as first_day)
    select m.month, m.name, bound.first_day <= now() at time zone 'UTC' as is_over
    from bound left join lateral (
      select c.relname as name, to_date(right(c.relname, 7), 'YYYY_MM')::text as month
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'agent_actions'::regclass and c.relname ~ '^agent_actions_\\d{4}_\\d\\d$'
        and to_date(right(c.relname, 7), 'YYYY_MM') < bound.first_day
    ) m on true order by m.month`)
}

export async function detachMonth(tx: Executor, month: string): Promise<boolean> {
  const rows = await tx.query<{ detached: boolean }>(sql`select audit_detach_month(${month}::date) as detached`)
  return rows[0]?.detached ?? false
}
