import { sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import type { AccountPause } from './types.ts'

/**
 * Pauses an account until a time, else for some seconds of the database's clock. A pause that lasts longer already
 * stays: of two runs that hit the same limit the second one may know less.
 */
export async function pauseAccount(db: Executor, pause: AccountPause): Promise<void> {
  const { accountKey, platform, until, seconds, reason } = pause
  await db.query(sql`
    insert into agent_accounts as a (account_key, platform, paused_until, reason)
    values (${accountKey}, ${platform},
      coalesce(${until}::timestamptz, now()) + make_interval(secs => ${seconds}), ${reason})
    on conflict (account_key) do update set updated_at = now(), platform = excluded.platform,
      reason = case when excluded.paused_until > a.paused_until or a.paused_until is null
        then excluded.reason else a.reason end,
      paused_until = greatest(a.paused_until, excluded.paused_until)`)
}

/** Forgets a pause that is over. */
export async function clearAccount(db: Executor, accountKey: string): Promise<void> {
  await db.query(sql`
    update agent_accounts set paused_until = null, reason = null, updated_at = now()
    where account_key = ${accountKey} and paused_until <= now()`)
}
