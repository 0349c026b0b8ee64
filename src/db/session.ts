import type { SQL } from 'drizzle-orm'
import type pg from 'pg'
import { assert } from '../base/assert.ts'
import { TurboError } from '../base/errors.ts'
import { failureOf, isStalePlan, isState, sqlstates, toTurboError } from './errors.ts'
import type { Executor } from './executor.ts'
import { toRows } from './rows.ts'
import { compile, type Statement, type StatementNames } from './statement.ts'
import { columnTypes } from './values.ts'

/**
 * One connection, to a server or to the embedded engine, with a limit on how long a statement may take. A statement that
 * overruns it ends the connection: the answer to it could otherwise be taken for the answer to the next one.
 */
export class Session implements Executor {
  /** True once the connection is gone; the session must not be used again. */
  broken = false
  /** Milliseconds that a statement may take, as seen from here. */
  timeoutMs: number
  readonly client: pg.ClientBase & { end(): unknown }
  readonly #names: StatementNames

  constructor(client: pg.ClientBase & { end(): unknown }, names: StatementNames, timeoutMs: number) {
    this.client = client
    this.#names = names
    this.timeoutMs = timeoutMs
    const markBroken = () => {
      this.broken = true
    }
    client.on('error', markBroken)
    client.on('end', markBroken)
  }

  async query<Row>(statement: SQL): Promise<Row[]> {
    return this.run<Row>(compile(statement))
  }

  /** Runs a compiled statement, prepared under its name. */
  async run<Row>(statement: Statement): Promise<Row[]> {
    const isAlone = this.client.getTransactionStatus() === 'I'
    try {
      return await this.#prepared<Row>(statement)
    } catch (error) {
      if (!isStalePlan(error)) throw error
      this.#names.renew()
      // Outside a transaction the failed statement has done nothing but find that it must be prepared anew.
      if (isAlone) return this.#prepared<Row>(statement)
      throw error
    }
  }

  async #prepared<Row>({ text, params }: Statement): Promise<Row[]> {
    const name = this.#names.nameFor(this.client, text)
    const config = { name, text, values: params, rowMode: 'array' as const, types: columnTypes }
    const result = await this.#send(() => this.client.query<unknown[]>(config))
    return toRows<Row>(result.fields, result.rows)
  }

  /**
   * Runs a text of one or more statements without parameters, unprepared, and returns the tag of the last one, e.g.
   * `COMMIT`. For `begin`, `commit`, `listen` and migrations.
   */
  async command(text: string): Promise<string> {
    const result = await this.#send(() => this.client.query(text))
    const last = Array.isArray(result) ? result.at(-1) : result
    return last?.command ?? ''
  }

  async #send<T>(start: () => Promise<T>): Promise<T> {
    if (this.broken) throw toTurboError(undefined, true)
    let timer: NodeJS.Timeout | undefined
    const overrun = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.broken = true
        reject(new TurboError('timeout', 'the database did not finish in time'))
        // Ending a client that waits for an answer cuts its connection at once.
        this.client.end()
      }, this.timeoutMs)
    })
    try {
      return await Promise.race([start(), overrun])
    } catch (error) {
      // Before its end is seen a connection that is closing looks free, and would fail the statement after this one too.
      if (isState(failureOf(error).sqlstate, sqlstates.hangUp)) this.broken = true
      throw toTurboError(error, this.broken)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Runs `work` between `begin` and `commit` on `session`, which nobody else uses meanwhile. */
export async function runTransaction<T>(session: Session, work: (tx: Executor) => Promise<T>): Promise<T> {
  let open = true
  const tx: Executor = {
    query: (statement) => {
      assert(open, 'a transaction is not used after its end')
      return session.query(statement)
    },
  }
  await session.command('begin isolation level read committed')
  try {
    const value = await work(tx)
    open = false
    const tag = await session.command('commit')
    // The server answers `commit` with ROLLBACK when a statement had failed and `work` did not pass that on.
    if (tag !== 'COMMIT') throw new TurboError('internal', 'the transaction was rolled back: a statement in it failed')
    return value
  } catch (error) {
    open = false
    // A connection that is gone has rolled back on its own; a failing rollback is reported by the first error.
    if (!session.broken) await session.command('rollback').catch(() => session.client.end())
    throw error
  }
}
