import { createHash, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { must } from '../base/assert.ts'
import { TurboError } from '../base/errors.ts'
import type { Executor } from '../db/executor.ts'
import { insertKey, noteKeyUse, revokeKey, selectAnyUsableKey, selectKeys, selectUsableKey } from './queries.ts'
import type { ApiKey, CreateKeyInput, Principal } from './types.ts'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const KEY_PREFIX = 'at_'
/** 190 bits: beyond guessing, so that one round of SHA-256 is enough at rest. */
const RANDOM_CHARS = 32
const CHECKSUM_CHARS = 6
/** Enough to tell keys apart in a list, far too little to guess the rest. */
const SHOWN_CHARS = KEY_PREFIX.length + 6

/** How long a verified key is trusted without asking again: the bound of a revocation in other processes. */
const TRUST_MS = 5_000
const TRUSTED_KEYS_MAX = 10_000
const LISTED_KEYS_MAX = 1_000

/** A new key: prefix, random part, checksum. The checksum lets a typing slip be told without asking the database. */
export function generateKey(): string {
  const random = Array.from({ length: RANDOM_CHARS }, () => BASE62.charAt(randomInt(BASE62.length))).join('')
  return KEY_PREFIX + random + checksumOf(random)
}

/** True when `text` has the form and the checksum of a key. */
export function isKeyShaped(text: string): boolean {
  const random = text.slice(KEY_PREFIX.length, -CHECKSUM_CHARS)
  return /^at_[0-9A-Za-z]{38}$/.test(text) && text.endsWith(checksumOf(random))
}

function checksumOf(random: string): string {
  let rest = crc32(random)
  let out = ''
  for (let i = 0; i < CHECKSUM_CHARS; i++) {
    out = BASE62.charAt(rest % BASE62.length) + out
    rest = Math.floor(rest / BASE62.length)
  }
  return out
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** The API keys of a store. */
export class Keys {
  readonly #db: Executor
  readonly #now: () => number
  /** By hash, oldest first; dropped at any time without harm. */
  readonly #trusted = new Map<string, { principal: Principal; untilMs: number }>()
  /** A verification that began before the last one may have read a key as it was before. */
  #revocations = 0

  constructor(db: Executor, now: () => number) {
    this.#db = db
    this.#now = now
  }

  async create({ name, scopes, expiresAt }: CreateKeyInput): Promise<ApiKey & { key: string }> {
    const key = generateKey()
    const [row] = await insertKey(this.#db, {
      name,
      scopes: [...new Set(scopes)],
      prefix: key.slice(0, SHOWN_CHARS),
      keyHash: hashOf(key),
      expiresAt: expiresAt ?? null,
    })
    return { key, ...must(row, 'insert returns the key') }
  }

  list(): Promise<ApiKey[]> {
    return selectKeys(this.#db, LISTED_KEYS_MAX)
  }

  async revoke(id: number): Promise<{ id: number; revoked: true }> {
    try {
      const [row] = await revokeKey(this.#db, id)
      if (row === undefined)
        throw new TurboError('not_found', `no API key has the id ${id}`, { next: 'List the keys to see their ids.' })
      return { id, revoked: true }
    } finally {
      // Also when it failed: a statement whose answer was lost may have had its effect.
      this.#revocations++
      this.#trusted.clear()
    }
  }

  async exist(): Promise<boolean> {
    return (await selectAnyUsableKey(this.#db)).length > 0
  }

  /** @throws TurboError `unauthorized` for anything but a usable key. */
  async verify(key: string): Promise<Principal> {
    if (!isKeyShaped(key)) throw refusal()
    const hash = hashOf(key)
    const trusted = this.#trusted.get(hash)
    if (trusted !== undefined && trusted.untilMs > this.#now()) return trusted.principal
    const revocations = this.#revocations
    const [row] = await selectUsableKey(this.#db, hash)
    if (row === undefined) {
      this.#trusted.delete(hash)
      throw refusal()
    }
    if (row.useIsStale) await noteKeyUse(this.#db, row.id)
    const principal: Principal = { id: `key:${row.id}`, scopes: row.scopes }
    if (revocations === this.#revocations) this.#trust(hash, principal)
    return principal
  }

  #trust(hash: string, principal: Principal): void {
    this.#trusted.delete(hash)
    this.#trusted.set(hash, { principal, untilMs: this.#now() + TRUST_MS })
    const [oldest] = this.#trusted.keys()
    if (this.#trusted.size > TRUSTED_KEYS_MAX && oldest !== undefined) this.#trusted.delete(oldest)
  }
}

function refusal(): TurboError {
  return new TurboError('unauthorized', 'the API key is not valid', {
    next: 'Check the key for typing errors, or make a new one with `agent-turbo keys create`.',
  })
}
