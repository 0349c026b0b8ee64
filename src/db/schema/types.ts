import { customType, numeric, timestamp } from 'drizzle-orm/pg-core'

/** Full-text vector; written by SQL functions only. */
export const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' })

/** Half-precision vector of any dimension; the dimension is fixed per embedding space by that space's index. */
export const halfvec = customType<{ data: string }>({ dataType: () => 'halfvec' })

/** A moment, with its zone; as text in ISO 8601, so that microseconds survive. */
export const instant = () => timestamp({ withTimezone: true, mode: 'string' })

/** Dollars, exact to a millionth. */
export const dollars = () => numeric({ precision: 14, scale: 6 })
