import { type SQL, sql } from 'drizzle-orm'
import pg from 'pg'
import { failureOf, isState, sqlstates, stopped, toTurboError, unavailable } from './errors.ts'
import type { Database, DatabaseLog, Executor, ListenHandlers } from './executor.ts'
import { type Endpoint, parseDatabaseUrl, readOnlyExpression, WritableHost } from './hosts.ts'
import { Listener } from './listen.ts'
import { runTransaction, Session } from './session.ts'
import { connectionSettings, exclusiveStatementMs } from './settings.ts'
import { StatementNames } from './statement.ts'

/** Milliseconds to wait for a connection: a free one of the pool, or a new one to be made. */
const connectMs = 5_000
const idleConnectionMs = 30_000
/** Seconds after which a connection is replaced, so that plans and caches of the server do not grow without end. */
const connectionLifetimeSeconds = 3_600
const keepAliveAfterMs = 10_000
/** Added to the server's statement timeout for ours, which is for a server that no longer answers. */
const answerGraceMs = 2_000
/** Statements waiting for a connection; more are refused at once. */
const waitersMax = 1_000

/** Settings of a server's pool, resolved. */
export interface PostgresOptions {
  url: string
  poolMin: number
  poolMax: number
  statementTimeoutMs: number
  log: DatabaseLog
}

/** The connections to the host chosen as writable; replaced as a whole when another host takes over. */
interface HostPool {
  endpoint: Endpoint
  pool: pg.Pool
  /** Connections that are made and not lost. */
  open: number
}

class ReadOnlyHostError extends Error {}

/** A PostgreSQL server, or the writable one of several. */
export class PostgresDatabase implements Database {
  readonly engine = 'postgres'
  readonly #options: PostgresOptions
  readonly #hosts: WritableHost
  readonly #names = new StatementNames()
  readonly #sessions = new WeakMap<pg.PoolClient, Session>()
  readonly #listener: Listener
  /** The pool in use and those of former hosts whose last statements are still running. */
  #current: HostPool | null = null
  readonly #draining = new Set<Promise<void>>()
  /** False after a failure that a failover may be behind: the next call asks which host is writable. */
  #isHostSure = false
  /** Calls at work on the pool, and who waits for the last of them. */
  #busy = 0
  #onIdle: (() => void) | null = null
  readonly #dedicated = new Set<Session>()
  #stopped: Promise<void> | null = null

  constructor(options: PostgresOptions) {
    this.#options = options
    this.#hosts = new WritableHost(parseDatabaseUrl(options.url))
    this.#listener = new Listener(() => this.#connect('agent-turbo-listen'), options.log)
  }

  query<Row>(statement: SQL): Promise<Row[]> {
    return this.#withSession((session) => session.query<Row>(statement))
  }

  transaction<T>(work: (tx: Executor) => Promise<T>): Promise<T> {
    return this.#withSession((session) => runTransaction(session, work))
  }

  listen(channel: string, handlers: ListenHandlers): Promise<() => Promise<void>> {
    if (this.#stopped !== null) throw stopped()
    return this.#listener.listen(channel, handlers)
  }

  async tryExclusive<T>(lock: string, work: (session: Executor) => Promise<T>): Promise<{ value: T } | null> {
    return this.#withDedicated('agent-turbo-exclusive', async (session) => {
      const key = sql`hashtextextended(${lock}, 0)`
      const [row] = await session.query<{ taken: boolean }>(sql`select pg_try_advisory_lock(${key}) as taken`)
      if (!row?.taken) return null
      try {
        return { value: await work(session) }
      } finally {
        // A connection that broke has released the lock with its end.
        if (!session.broken) await session.query(sql`select pg_advisory_unlock(${key})`)
      }
    })
  }

  /** Runs `work` on a connection of its own, outside the pool, whose statements may take very long. */
  maintain<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#withDedicated('agent-turbo-migrate', work)
  }

  announce(): void {
    // Nobody finds a server locked: there is nothing to tell.
  }

  async #withDedicated<T>(name: string, work: (session: Session) => Promise<T>): Promise<T> {
    if (this.#stopped !== null) throw stopped()
    const session = await this.#connect(name)
    this.#dedicated.add(session)
    try {
      await session.command(`set statement_timeout = ${exclusiveStatementMs}`)
      session.timeoutMs = exclusiveStatementMs + answerGraceMs
      return await work(session)
    } finally {
      this.#dedicated.delete(session)
      session.client.end()
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end()
    return this.#stopped
  }

  async #end(): Promise<void> {
    await this.#listener.stop()
    if (this.#busy > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    for (const session of this.#dedicated) session.client.end()
    if (this.#current !== null) this.#retire(this.#current)
    await Promise.all(this.#draining)
  }

  async #withSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    if (this.#stopped !== null) throw stopped()
    this.#busy++
    try {
      const { host, client } = await this.#acquire()
      const session = this.#sessionOf(client)
      try {
        return await work(session)
      } catch (error) {
        if (isState(failureOf(error).sqlstate, sqlstates.readOnly)) this.#leave(host)
        else if (session.broken) this.#isHostSure = false
        throw error
      } finally {
        client.release(session.broken)
      }
    } finally {
      if (--this.#busy === 0) this.#onIdle?.()
    }
  }

  #sessionOf(client: pg.PoolClient): Session {
    let session = this.#sessions.get(client)
    if (session === undefined) {
      session = new Session(
        client as pg.PoolClient & pg.Client,
        this.#names,
        this.#options.statementTimeoutMs + answerGraceMs,
      )
      this.#sessions.set(client, session)
    }
    return session
  }

  /** A connection; when the remembered host fails to give one, the writable host is looked for once more. */
  async #acquire(): Promise<{ host: HostPool; client: pg.PoolClient }> {
    for (let attempt = 1; ; attempt++) {
      const host = this.#current !== null && this.#isHostSure ? this.#current : await this.#choose()
      if (host.pool.waitingCount >= waitersMax)
        throw unavailable(undefined, 'too many statements wait for the database')
      try {
        return { host, client: await host.pool.connect() }
      } catch (error) {
        if (host.open >= this.#options.poolMax) throw unavailable(error, 'every database connection is busy')
        if (error instanceof ReadOnlyHostError) this.#leave(host)
        else this.#isHostSure = false
        if (attempt === 2) throw error instanceof ReadOnlyHostError ? unavailable(error) : toTurboError(error, true)
      }
    }
  }

  /** The pool of the writable host, which is the one in use unless another host has taken over. */
  async #choose(): Promise<HostPool> {
    if (!this.#isHostSure && this.#current !== null) this.#hosts.drop(this.#current.endpoint)
    const endpoint = await this.#hosts.current()
    if (this.#current !== null && this.#current.endpoint !== endpoint) this.#leave(this.#current)
    this.#isHostSure = true
    if (this.#current !== null) return this.#current
    const host = this.#openPool(endpoint)
    this.#current = host
    this.#options.log('database host chosen', { host: endpoint.label })
    return host
  }

  #openPool(endpoint: Endpoint): HostPool {
    const { poolMin, poolMax, log } = this.#options
    const pool = new pg.Pool({
      ...this.#clientConfig(endpoint, 'agent-turbo'),
      min: poolMin,
      max: poolMax,
      idleTimeoutMillis: idleConnectionMs,
      maxLifetimeSeconds: connectionLifetimeSeconds,
      onConnect: (client) => this.#prepareConnection(client as pg.ClientBase & { end(): unknown }),
    })
    const host: HostPool = { endpoint, pool, open: 0 }
    pool.on('connect', (client) => {
      host.open++
      // Without listeners a lost connection would end the process; who uses it learns of the loss from the statement.
      client.on('error', () => undefined)
    })
    pool.on('remove', () => host.open--)
    pool.on('error', (error) =>
      log('idle database connection lost', { host: endpoint.label, ...failureOf(error) }, 'warn'),
    )
    return host
  }

  #clientConfig(endpoint: Endpoint, applicationName: string): pg.ClientConfig {
    return {
      connectionString: endpoint.connectionString,
      application_name: applicationName,
      connectionTimeoutMillis: connectMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: keepAliveAfterMs,
    }
  }

  async #prepareConnection(client: pg.ClientBase & { end(): unknown }): Promise<void> {
    const text = connectionSettings(this.#options.statementTimeoutMs, `${readOnlyExpression} as read_only`)
    // A server that logs in and then hangs: ending a client that waits for an answer cuts its connection at once, which
    // fails the statement.
    const timer = setTimeout(() => client.end(), connectMs)
    const { rows } = await client.query(text).finally(() => clearTimeout(timer))
    if (rows[0]?.read_only === true) throw new ReadOnlyHostError('the host has become read-only')
  }

  async #connect(applicationName: string): Promise<Session> {
    const endpoint = await this.#hosts.current()
    const client = new pg.Client(this.#clientConfig(endpoint, applicationName))
    const session = new Session(client, this.#names, this.#options.statementTimeoutMs + answerGraceMs)
    try {
      await client.connect()
      await this.#prepareConnection(client)
      return session
    } catch (error) {
      client.end().catch(() => undefined)
      this.#hosts.drop(endpoint)
      throw error instanceof ReadOnlyHostError ? unavailable(error) : toTurboError(error, true)
    }
  }

  /** Stops using `host`, which has become read-only or has been replaced; its connections end with their statements. */
  #leave(host: HostPool): void {
    if (this.#current !== host) return
    this.#isHostSure = false
    this.#retire(host)
    this.#hosts.drop(host.endpoint)
    this.#options.log('database host left', { host: host.endpoint.label }, 'warn')
  }

  #retire(host: HostPool): void {
    if (this.#current === host) this.#current = null
    const drained = host.pool.end().then(
      () => undefined,
      () => undefined,
    )
    this.#draining.add(drained)
    void drained.then(() => this.#draining.delete(drained))
  }
}
