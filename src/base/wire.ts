/**
 * The one border between the wire (`snake_case`) and the code (`camelCase`). Keys are converted at every depth, except
 * below the {@link OpaqueKey} fields: what lies there belongs to the user and passes through by reference.
 */

/** Fields whose values are the user's own JSON, or are kept as they travel, in both spellings. */
export type OpaqueKey =
  | 'metadata'
  | 'inputData'
  | 'input_data'
  | 'outputData'
  | 'output_data'
  | 'requiredContext'
  | 'required_context'
  | 'landingContext'
  | 'landing_context'
  | 'verify'
  | 'facts'

const OPAQUE_KEYS: ReadonlySet<string> = new Set<OpaqueKey>([
  'metadata',
  'inputData',
  'input_data',
  'outputData',
  'output_data',
  'requiredContext',
  'required_context',
  'landingContext',
  'landing_context',
  'verify',
  'facts',
])

/** `createdAt` -> `created_at`. */
export type SnakeCase<S extends string> = S extends `${infer Head}${infer Tail}`
  ? Head extends Lowercase<Head>
    ? `${Head}${SnakeCase<Tail>}`
    : `_${Lowercase<Head>}${SnakeCase<Tail>}`
  : S

/** `created_at` -> `createdAt`. */
export type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S

/** The wire shape of a domain type. */
export type ToWire<T> = T extends readonly (infer Element)[]
  ? ToWire<Element>[]
  : T extends object
    ? { [K in keyof T as K extends string ? SnakeCase<K> : K]: K extends OpaqueKey ? T[K] : ToWire<T[K]> }
    : T

/** The domain shape of a wire type. */
export type FromWire<T> = T extends readonly (infer Element)[]
  ? FromWire<Element>[]
  : T extends object
    ? { [K in keyof T as K extends string ? CamelCase<K> : K]: K extends OpaqueKey ? T[K] : FromWire<T[K]> }
    : T

/** A copy of `value` with `snake_case` keys. Takes what JSON can hold; absent (`undefined`) fields are left out. */
export function toWire<T>(value: T): ToWire<T> {
  return convert(value, snakeKeys) as ToWire<T>
}

/** A copy of `value` with `camelCase` keys. */
export function fromWire<T>(value: T): FromWire<T> {
  return convert(value, camelKeys) as FromWire<T>
}

type KeyOf = (key: string) => string

/** The vocabulary of the wire has a few hundred words; a stranger's keys must not grow the memory. */
const REMEMBERED_KEYS_MAX = 1_000

const snakeKeys = remembered((key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
const camelKeys = remembered((key) => key.replace(/(?<=[^_])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()))

function remembered(spell: KeyOf): KeyOf {
  const known = new Map<string, string>()
  return (key) => {
    const found = known.get(key)
    if (found !== undefined) return found
    const spelled = spell(key)
    if (known.size < REMEMBERED_KEYS_MAX) known.set(key, spelled)
    return spelled
  }
}

function convert(value: unknown, keyOf: KeyOf): unknown {
  if (Array.isArray(value)) return value.map((element) => convert(element, keyOf))
  if (typeof value !== 'object' || value === null) return value
  const out: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(value)) {
    // Assigning `__proto__` would change the object instead of adding a field.
    if (field === undefined || key === '__proto__') continue
    out[keyOf(key)] = OPAQUE_KEYS.has(key) ? field : convert(field, keyOf)
  }
  return out
}
