import { sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'

/** Vectors of the space that are outside its graph, counted no further than `limit`. */
export async function countFresh(db: Executor, spaceId: number, limit: number): Promise<number> {
  const rows = await db.query<{ fresh: number }>(sql`
    select count(*) as fresh
    from (select 1 from knowledge_vectors where space_id = ${spaceId} and not indexed limit ${limit}) f`)
  return rows[0]?.fresh ?? 0
}

/** Lets up to `limit` of the oldest fresh vectors into the graph; the number let in. */
export async function indexFresh(db: Executor, spaceId: number, limit: number): Promise<number> {
  const rows = await db.query(sql`
    update knowledge_vectors v set indexed = true
    from (
      select chunk_id from knowledge_vectors where space_id = ${spaceId} and not indexed
      order by chunk_id limit ${limit} for update skip locked
    ) f
    where v.chunk_id = f.chunk_id and v.space_id = ${spaceId}
    returning v.chunk_id`)
  return rows.length
}

/** The newest item there is, and a transaction that began after every id up to it was drawn. */
export interface CountingHorizon {
  itemId: number
  transactionId: number
}

/** How far items may be counted once all transactions up to a new one are over; null when all are counted. */
export async function countingHorizon(db: Executor): Promise<CountingHorizon | null> {
  const rows = await db.query<CountingHorizon>(sql`
    select newest.id as item_id, pg_current_xact_id()::text::bigint as transaction_id
    from knowledge_corpus c, (select max(id) as id from agent_knowledge) newest
    where c.through_id < newest.id`)
  return rows[0] ?? null
}

/**
 * True when no transaction up to this one is still open. An add has its transaction id before it draws item ids, so
 * none of them can appear any more below the horizon's item.
 */
export async function isOver(db: Executor, { transactionId }: CountingHorizon): Promise<boolean> {
  const rows = await db.query<{ over: boolean }>(sql`
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint > ${transactionId}::bigint as over`)
  return rows[0]?.over ?? false
}

/**
 * Adds the lexemes of up to `limit` items to the document frequencies, going on from the last item counted, not beyond
 * `throughId`; the number of items counted. The one row of `knowledge_corpus` is locked, so that two processes never
 * count an item twice.
 */
export async function countLexemes(
  db: Executor,
  limit: number,
  throughId: number = Number.MAX_SAFE_INTEGER,
): Promise<number> {
  const rows = await db.query<{ counted: number }>(sql`
    with corpus as materialized (select through_id from knowledge_corpus for update),
    fresh as materialized (
      select k.id, k.lexemes from agent_knowledge k, corpus
      where k.id > corpus.through_id and k.id <= ${throughId}::bigint order by k.id limit ${limit}
    ),
    merged as (
      insert into knowledge_lexicon as known (lexeme, documents)
      select lexeme, count(*) from fresh, unnest(fresh.lexemes) group by lexeme order by lexeme
      on conflict (lexeme) do update set documents = known.documents + excluded.documents
    )
    update knowledge_corpus c set items = c.items + f.items, lexemes = c.lexemes + f.lexemes, through_id = f.last_id,
      refreshed_at = now()
    from (select count(*) as items, sum(length(lexemes)) as lexemes, max(id) as last_id from fresh) f
    where f.items > 0
    returning f.items as counted`)
  return rows[0]?.counted ?? 0
}

/** How far the counted items are from those that exist, as a share: erased items and late commits drift apart. */
export async function lexiconDrift(db: Executor): Promise<number> {
  const rows = await db.query<{ drift: number }>(sql`
    select abs(c.items - k.items)::float8 / greatest(k.items, 100) as drift
    from knowledge_corpus c, (select count(*) as items, coalesce(max(id), 0) as last from agent_knowledge) k
    where c.through_id >= k.last`)
  return rows[0]?.drift ?? 0
}

/** Keeps other processes from counting until the transaction ends. */
export async function lockLexicon(tx: Executor): Promise<void> {
  await tx.query(sql`select 1 from knowledge_corpus for update`)
}

/**
 * Counts anew what has been counted, up to the last item counted: no lower one can appear any more. Called inside a
 * transaction.
 */
export async function rebuildLexicon(tx: Executor): Promise<void> {
  await lockLexicon(tx)
  await tx.query(sql`delete from knowledge_lexicon`)
  // One statement, hence one look at the items: what is erased meanwhile is in both figures or in none.
  await tx.query(sql`
    with counted as (
      insert into knowledge_lexicon (lexeme, documents)
      select word, ndoc
      from ts_stat('select lexemes from agent_knowledge where id <= ' || (select through_id from knowledge_corpus))
      where word <> ''
    )
    update knowledge_corpus c set items = k.items, lexemes = k.lexemes, refreshed_at = now()
    from (
      select count(*) as items, coalesce(sum(length(lexemes)), 0) as lexemes
      from agent_knowledge where id <= (select through_id from knowledge_corpus)
    ) k`)
}

/** Moves the full-text index's pending entries into its tree, where finding them does not mean reading them all. */
export async function settleTextIndex(db: Executor): Promise<void> {
  await db.query(sql`select gin_clean_pending_list('agent_knowledge_lexemes')`)
}

/**
 * Closes items whose time has passed; the number closed. Looks before it changes: a statement that changes no row still
 * tells every process that something was written.
 */
export async function closeExpired(db: Executor, limit: number): Promise<number> {
  const due = await db.query(sql`select from agent_knowledge where expires_at <= now() and valid_to is null limit 1`)
  if (due.length === 0) return 0
  const rows = await db.query(sql`
    update agent_knowledge k set valid_to = k.expires_at
    from (
      select id from agent_knowledge where expires_at <= now() and valid_to is null
      limit ${limit} for update skip locked
    ) e
    where k.id = e.id
    returning k.id`)
  return rows.length
}

/** Planner statistics and dead rows: the embedded engine has no autovacuum. */
export async function vacuum(db: Executor): Promise<void> {
  for (const table of ['agent_knowledge', 'knowledge_chunks', 'knowledge_vectors', 'knowledge_lexicon']) {
    await db.query(sql.raw(`vacuum (analyze) ${table}`))
  }
}
