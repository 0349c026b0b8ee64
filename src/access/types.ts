/** What a key may do. `admin` includes the others; nothing else includes anything. */
export const SCOPES = ['read', 'write', 'worker', 'admin'] as const

export type Scope = (typeof SCOPES)[number]

/** Who makes a request. */
export interface Principal {
  /** `local` for a caller on this machine, else `key:<id>`. Owns idempotency keys and the rate limit. */
  id: string
  scopes: readonly Scope[]
}

/** A key as it may be shown: without itself. Times are ISO 8601 UTC. */
export interface ApiKey {
  id: number
  name: string
  /** The first characters of the key. */
  prefix: string
  scopes: Scope[]
  createdAt: string
  expiresAt: string | null
  revokedAt: string | null
  /** To the minute. */
  lastUsedAt: string | null
}

export interface CreateKeyInput {
  name: string
  scopes: Scope[]
  /** ISO 8601; default never. */
  expiresAt?: string
}

/** A request whose repetition must not repeat its effect. */
export interface RepeatableRequest {
  principal: Principal
  operation: string
  /** The caller's Idempotency-Key, unquoted. */
  key: string
  /** The whole input; the same key with another input is refused. */
  input: unknown
  /**
   * For an answer that holds stored text: its body is not kept, so that erasing the text leaves no copy here, and a
   * repetition is answered with what this reads then.
   */
  reread?: () => Promise<string>
}

/** The answer of a request, as it is replayed: an HTTP status and JSON text. */
export interface Answer {
  status: number
  body: string
}

/** True when the principal may do what `scope` stands for. */
export function allows(principal: Principal, scope: Scope): boolean {
  return principal.scopes.includes(scope) || principal.scopes.includes('admin')
}
