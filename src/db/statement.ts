import { createHash } from 'node:crypto'
import type { SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'

/** Statement texts kept with their names, per process; dynamic texts beyond it only cost another hash. */
const namedTextsMax = 2_000
/** Named statements on one connection, each holding a plan in the server's memory; more run unnamed. */
const namesPerConnectionMax = 500

/** A statement as the wire takes it: `$1`-style text and its parameters. */
export interface Statement {
  text: string
  params: unknown[]
}

const dialect = new PgDialect({ casing: 'snake_case' })

/** Turns a drizzle `sql` template into text and parameters. */
export function compile(statement: SQL): Statement {
  const { sql, params } = dialect.sqlToQuery(statement)
  return { text: sql, params }
}

/**
 * Gives every statement text the name under which a connection prepares it once, so that the server parses and plans
 * it once. The name is a hash of the text: two texts never share one.
 */
export class StatementNames {
  readonly #names = new Map<string, string>()
  readonly #used = new WeakMap<object, Set<string>>()
  #generation = 0

  /** The name for `text` on `connection`; undefined when that connection holds enough of them. */
  nameFor(connection: object, text: string): string | undefined {
    const name = this.#nameOf(text)
    let used = this.#used.get(connection)
    if (used === undefined) {
      used = new Set()
      this.#used.set(connection, used)
    }
    if (used.has(name)) return name
    if (used.size >= namesPerConnectionMax) return undefined
    used.add(name)
    return name
  }

  /** Makes every statement be prepared anew: a change of the schema has made prepared ones unusable. */
  renew(): void {
    this.#generation++
    this.#names.clear()
  }

  #nameOf(text: string): string {
    const known = this.#names.get(text)
    if (known !== undefined) return known
    if (this.#names.size >= namedTextsMax) this.#names.clear()
    const hash = createHash('sha256').update(text).digest('base64url').slice(0, 22)
    const name = `at_${this.#generation}_${hash}`
    this.#names.set(text, name)
    return name
  }
}
