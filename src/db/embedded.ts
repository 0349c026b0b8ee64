import { existsSync, renameSync, rmSync } from 'node:fs'
import type net from 'node:net'
import { join } from 'node:path'
import type { SQL } from 'drizzle-orm'
import pg from 'pg'
import { TurboError } from '../base/errors.ts'
import { DataLock } from './data-lock.ts'
import { stopped } from './errors.ts'
import type { Database, DatabaseLog, Executor, ListenHandlers } from './executor.ts'
import { Lane } from './lane.ts'
import { PgliteStream } from './pglite-stream.ts'
import { runTransaction, Session } from './session.ts'
import { connectionSettings, exclusiveStatementMs } from './settings.ts'
import { StatementNames } from './statement.ts'

/** Statements and transactions that may wait for the one connection. */
const waitersMax = 1_000
/** Milliseconds that the engine may take to open; a recovery after a crash under load takes a few seconds. */
const openMs = 120_000

/** Settings of the embedded store, resolved. */
export interface EmbeddedOptions {
  dataDir: string
  statementTimeoutMs: number
  log: DatabaseLog
}

/**
 * PGlite in a worker thread, driven by the same client as a server. The engine has one connection: statements and
 * transactions take turns. `statement_timeout` does nothing in it (it has no timers), so an overrunning statement ends
 * the thread, which rolls it back, and the next one opens the data directory again.
 */
export class EmbeddedDatabase implements Database {
  readonly engine = 'embedded'
  readonly #options: EmbeddedOptions
  readonly #lock: DataLock
  readonly #lane: Lane
  readonly #names = new StatementNames()
  readonly #exclusive = new Set<string>()
  readonly #handlers = new Map<string, Set<ListenHandlers>>()
  #session: Session | null = null
  #stream: PgliteStream | null = null
  #stopped: Promise<void> | null = null

  private constructor(options: EmbeddedOptions) {
    this.#options = options
    this.#lock = DataLock.take(options.dataDir, () => this.#lost())
    // Long enough that one overrunning statement does not take those behind it along.
    this.#lane = new Lane({ waitersMax, waitMs: 2 * options.statementTimeoutMs })
  }

  /** Takes the data folder, creating the store when there is none. @throws TurboError `store_locked` */
  static async open(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
    const database = new EmbeddedDatabase(options)
    try {
      await database.#create()
      await database.#ready()
      return database
    } catch (error) {
      await database.stop()
      throw error
    }
  }

  query<Row>(statement: SQL): Promise<Row[]> {
    return this.#exclusively((session) => session.query<Row>(statement))
  }

  transaction<T>(work: (tx: Executor) => Promise<T>): Promise<T> {
    return this.#exclusively((session) => runTransaction(session, work))
  }

  async listen(channel: string, handlers: ListenHandlers): Promise<() => Promise<void>> {
    await this.#exclusively((session) => session.command(`listen ${channel}`))
    const set = this.#handlers.get(channel) ?? new Set()
    this.#handlers.set(channel, set.add(handlers))
    handlers.onState?.(true)
    return async () => {
      set.delete(handlers)
    }
  }

  async tryExclusive<T>(lock: string, work: (session: Executor) => Promise<T>): Promise<{ value: T } | null> {
    // The data folder belongs to this process, so a lock within it is enough.
    if (this.#exclusive.has(lock)) return null
    this.#exclusive.add(lock)
    try {
      return { value: await work({ query: (statement) => this.maintain((session) => session.query(statement)) }) }
    } finally {
      this.#exclusive.delete(lock)
    }
  }

  /** Runs `work` on the connection, holding it, with statements that may take very long. */
  maintain<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#exclusively(async (session) => {
      session.timeoutMs = exclusiveStatementMs
      try {
        return await work(session)
      } finally {
        session.timeoutMs = this.#options.statementTimeoutMs
      }
    })
  }

  /** Publishes where the server of this process answers. */
  announce(url: string | null): void {
    this.#lock.setUrl(url)
  }

  stop(): Promise<void> {
    if (this.#stopped !== null) return this.#stopped
    this.#stopped = this.#lane
      .run(async () => {
        await this.#session?.client.end()
      })
      // The turn did not come: the statement that holds the lane ends with the thread.
      .catch(() => this.#endThread())
      .finally(() => this.#lock.release())
    return this.#stopped
  }

  /** Another host took the folder while this process did not run. Closing in order would write into its data. */
  #lost(): void {
    this.#options.log('data folder lost to another host', { dataDir: this.#options.dataDir }, 'warn')
    this.#stream?.destroy()
    this.#stopped ??= Promise.resolve()
  }

  async #exclusively<T>(work: (session: Session) => Promise<T>): Promise<T> {
    if (this.#stopped !== null) throw stopped()
    return this.#lane.run(async () => work(await this.#ready()))
  }

  get #directory(): string {
    return join(this.#options.dataDir, 'postgres')
  }

  /** Initialises in a folder beside, so that a kill half-way leaves nothing that looks like a store. */
  async #create(): Promise<void> {
    if (existsSync(this.#directory)) return
    const unfinished = `${this.#directory}.new`
    rmSync(unfinished, { recursive: true, force: true })
    const session = await this.#connect(unfinished)
    await session.client.end()
    renameSync(unfinished, this.#directory)
  }

  /** The session, opened again when the thread has died. Runs in the lane, hence once. */
  async #ready(): Promise<Session> {
    if (this.#session !== null && !this.#session.broken) return this.#session
    const again = this.#session !== null
    const session = await this.#connect(this.#directory)
    this.#session = session
    if (again) this.#options.log('embedded store opened again', {}, 'warn')
    session.client.on('notification', ({ channel, payload = '' }) => {
      for (const handlers of this.#handlers.get(channel) ?? []) handlers.onNotify(payload)
    })
    session.client.once('end', () => this.#tell((handlers) => handlers.onState?.(false)))
    if (this.#handlers.size > 0) {
      await session.command([...this.#handlers.keys()].map((channel) => `listen ${channel}`).join('; '))
      this.#tell((handlers) => handlers.onState?.(true))
      this.#tell((handlers) => handlers.onGap())
    }
    return session
  }

  #tell(message: (handlers: ListenHandlers) => void): void {
    for (const set of this.#handlers.values()) for (const handlers of set) message(handlers)
  }

  /** Ends the thread there is, if any, and waits until it is gone: two engines in one folder would destroy its data. */
  async #endThread(): Promise<void> {
    this.#stream?.destroy()
    await this.#stream?.exited
  }

  async #connect(directory: string): Promise<Session> {
    await this.#endThread()
    const stream = new PgliteStream(directory)
    this.#stream = stream
    const client = new pg.Client({
      user: 'postgres',
      database: 'postgres',
      ssl: false,
      connectionTimeoutMillis: openMs,
      // A Duplex with the handful of socket calls that the client makes.
      stream: () => stream as unknown as net.Socket,
    })
    const session = new Session(client, this.#names, this.#options.statementTimeoutMs)
    try {
      await client.connect()
      await session.command(connectionSettings(0))
      return session
    } catch (error) {
      throw new TurboError('internal', `the embedded store in ${this.#options.dataDir} does not open`, {
        next: 'Look whether the disk is full; move the folder away to start with an empty store.',
        cause: error,
      })
    }
  }
}
