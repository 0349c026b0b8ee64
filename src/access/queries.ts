import { type SQL, sql } from 'drizzle-orm'
import type { Executor } from '../db/executor.ts'
import type { ApiKey, Scope } from './types.ts'

/** All SQL of access. The database's clock decides every expiry. */

const KEY_COLUMNS = sql`id, name, prefix, scopes, created_at, expires_at, revoked_at, last_used_at`

export async function insertKey(
  db: Executor,
  key: { name: string; prefix: string; keyHash: string; scopes: Scope[]; expiresAt: string | null },
): Promise<ApiKey[]> {
  return db.query(sql`
    insert into api_keys (name, prefix, key_hash, scopes, expires_at)
    values (${key.name}, ${key.prefix}, ${key.keyHash}, ${sql.param(key.scopes)}::text[], ${key.expiresAt}::timestamptz)
    returning ${KEY_COLUMNS}`)
}

export async function selectKeys(db: Executor, limit: number): Promise<ApiKey[]> {
  return db.query(sql`select ${KEY_COLUMNS} from api_keys order by id desc limit ${limit}`)
}

/** The usable key with this hash; `useIsStale` when its last use was noted more than a minute ago. */
export async function selectUsableKey(
  db: Executor,
  keyHash: string,
): Promise<{ id: number; scopes: Scope[]; useIsStale: boolean }[]> {
  return db.query(sql`
    select id, scopes, coalesce(last_used_at < now() - interval '1 minute', true) as use_is_stale
      from api_keys
     where key_hash = ${keyHash} and ${USABLE}`)
}

const USABLE: SQL = sql`revoked_at is null and (expires_at is null or expires_at > now())`

export async function noteKeyUse(db: Executor, id: number): Promise<void> {
  await db.query(sql`
    update api_keys set last_used_at = now()
     where id = ${id} and coalesce(last_used_at < now() - interval '1 minute', true)`)
}

export async function revokeKey(db: Executor, id: number): Promise<{ id: number }[]> {
  return db.query(sql`update api_keys set revoked_at = coalesce(revoked_at, now()) where id = ${id} returning id`)
}

export async function selectAnyUsableKey(db: Executor): Promise<{ id: number }[]> {
  return db.query(sql`select id from api_keys where ${USABLE} limit 1`)
}

/** Identity of a row of idempotency_keys, and the attempt that wants it. */
export interface Attempt {
  principal: string
  operation: string
  key: string
  fingerprint: string
  owner: string
}

const rowOf = (attempt: Attempt) =>
  sql`principal = ${attempt.principal} and operation = ${attempt.operation} and key = ${attempt.key}`

const heldBy = (attempt: Attempt) => sql`${rowOf(attempt)} and owner = ${attempt.owner}::uuid and status is null`

const seconds = (count: number) => sql`make_interval(secs => ${count})`

/**
 * Takes the row: a new one, one whose answer has expired, or one left in flight by a process that died (for the same
 * input only). No row returned: another request has it.
 */
export async function takeAttempt(
  db: Executor,
  attempt: Attempt,
  times: { lockSeconds: number; keepSeconds: number },
): Promise<{ owner: string }[]> {
  return db.query(sql`
    insert into idempotency_keys as held (principal, operation, key, fingerprint, owner, locked_until, expires_at)
    values (${attempt.principal}, ${attempt.operation}, ${attempt.key}, ${attempt.fingerprint}, ${attempt.owner}::uuid,
            now() + ${seconds(times.lockSeconds)}, now() + ${seconds(times.keepSeconds)})
    on conflict (principal, operation, key) do update
       set fingerprint = excluded.fingerprint, owner = excluded.owner, locked_until = excluded.locked_until,
           expires_at = excluded.expires_at, created_at = now(), status = null, body = null
     where held.locked_until <= now()
       and (held.expires_at <= now() or (held.status is null and held.fingerprint = excluded.fingerprint))
    returning owner`)
}

export async function selectAttempt(
  db: Executor,
  attempt: Attempt,
): Promise<{ fingerprint: string; status: number | null; body: string | null }[]> {
  return db.query(sql`select fingerprint, status, body from idempotency_keys where ${rowOf(attempt)}`)
}

export async function prolongAttempt(db: Executor, attempt: Attempt, lockSeconds: number): Promise<void> {
  await db.query(sql`
    update idempotency_keys set locked_until = now() + ${seconds(lockSeconds)} where ${heldBy(attempt)}`)
}

export async function storeAnswer(db: Executor, attempt: Attempt, status: number, body: string | null): Promise<void> {
  await db.query(sql`
    update idempotency_keys set status = ${status}, body = ${body}, locked_until = now() where ${heldBy(attempt)}`)
}

export async function releaseAttempt(db: Executor, attempt: Attempt): Promise<void> {
  await db.query(sql`delete from idempotency_keys where ${heldBy(attempt)}`)
}

export async function deleteExpiredAttempts(db: Executor, limit: number): Promise<void> {
  await db.query(sql`
    delete from idempotency_keys
     where (principal, operation, key) in (
       select principal, operation, key from idempotency_keys
        where expires_at <= now() and locked_until <= now() limit ${limit} for update skip locked)`)
}
