import { customType } from 'drizzle-orm/pg-core'

/** Full-text vector; written by SQL functions only. */
export const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' })

/** Half-precision vector of any dimension; the dimension is fixed per embedding space by that space's index. */
export const halfvec = customType<{ data: string }>({ dataType: () => 'halfvec' })
