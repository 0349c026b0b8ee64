import type { Log } from '../base/log.ts'
import type { Executor } from '../db/executor.ts'
import { Idempotency } from './idempotency.ts'
import { Keys } from './keys.ts'
import type { Answer, ApiKey, CreateKeyInput, Principal, RepeatableRequest } from './types.ts'

export {
  type Answer,
  type ApiKey,
  allows,
  type CreateKeyInput,
  type Principal,
  type RepeatableRequest,
  SCOPES,
  type Scope,
} from './types.ts'

/**
 * Who may call, and what was already answered.
 *
 * @throws TurboError `unavailable` or `timeout` from the database in every method, beside what is noted.
 */
export interface AccessService {
  /** Makes a key; `key` is returned here and kept nowhere. */
  createKey(input: CreateKeyInput): Promise<ApiKey & { key: string }>
  /** The newest 1,000 keys, revoked and expired ones too. */
  listKeys(): Promise<ApiKey[]>
  /** @throws TurboError `not_found` */
  revokeKey(id: number): Promise<{ id: number; revoked: true }>
  /** True when at least one key could be used now. */
  hasKeys(): Promise<boolean>
  /** @throws TurboError `unauthorized` */
  verifyKey(key: string): Promise<Principal>
  /**
   * Runs `work` once for all requests with this idempotency key.
   *
   * @throws TurboError `conflict` while the first is at work, `idempotency_key_reused` with another input; what `work` throws.
   */
  once(request: RepeatableRequest, work: () => Promise<Answer>): Promise<Answer & { replayed: boolean }>
  /** Removes expired answers, once a minute at most; to be called again and again, also while no request comes. */
  sweepIdempotency(): Promise<void>
}

export interface AccessDependencies {
  db: Executor
  log: Log
  /** Milliseconds; default the process clock. Decides only how long this process remembers. */
  now?: () => number
}

export function createAccess({ db, log, now = Date.now }: AccessDependencies): AccessService {
  const keys = new Keys(db, now)
  const idempotency = new Idempotency(db, log, now)
  return {
    createKey: (input) => keys.create(input),
    listKeys: () => keys.list(),
    revokeKey: (id) => keys.revoke(id),
    hasKeys: () => keys.exist(),
    verifyKey: (key) => keys.verify(key),
    once: (request, work) => idempotency.once(request, work),
    sweepIdempotency: () => idempotency.sweep(),
  }
}
