/** Nobody uses the account before `until` (when that is known) and `seconds` more have passed. */
export interface AccountPause {
  /** The same on every host that uses the account. */
  accountKey: string
  platform: string
  /** ISO 8601; null where nobody told. */
  until: string | null
  seconds: number
  reason: string
}

/** Subscriptions and API accounts, which all workers share. */
export interface AccountService {
  /** Keeps the tasks of its platform from whoever uses this account; a longer pause stays. */
  pause(pause: AccountPause): Promise<void>
  /** A run has succeeded: a pause that is over is forgotten. One that began meanwhile stays. */
  clear(accountKey: string): Promise<void>
}
