import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { invalid, isTurboError, type TurboError } from '../base/errors.ts'
import { failureOf, isState, sqlstates, unavailable } from './errors.ts'

/** Milliseconds that one host has to accept a connection and say whether it is writable. */
const probeMs = 3_000
/** A search that fails takes this long at least: callers that retry at once share one, and the loop stays free. */
const failureMs = 100
const hostsMax = 16
const defaultPort = 5432

/** One way to one server. */
export interface Endpoint {
  /** `host:port`, for messages; never with user or password. */
  label: string
  /** A connection string for exactly this host. */
  connectionString: string
}

const addressPattern = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^@/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/

/**
 * Reads `postgres://user:password@h1:5432,h2/db?target_session_attrs=read-write`, the multi-host form of libpq that `pg`
 * does not know; also `?host=a,b&port=1,2`, Unix sockets and IPv6 in brackets.
 *
 * @throws TurboError `invalid_input`, never quoting the address
 */
export function parseDatabaseUrl(url: string): Endpoint[] {
  const match = addressPattern.exec(url.trim())
  if (match === null) throw badUrl('expected postgres://user:password@host:5432/database')
  const [, credentials, authority = '', path = '/', search = ''] = match
  const options = new URLSearchParams(search)
  const attributes = options.get('target_session_attrs') ?? 'read-write'
  if (!['any', 'read-write', 'primary'].includes(attributes)) {
    throw badUrl('target_session_attrs must be read-write, primary or any: this program writes')
  }
  const hosts = hostsOf(authority, options)
  if (hosts.length > hostsMax) throw badUrl(`at most ${hostsMax} hosts`)
  for (const name of ['host', 'port', 'target_session_attrs', 'load_balance_hosts']) options.delete(name)
  return hosts.flatMap(({ host, port }) =>
    sslVariants(options).map((variant) => {
      variant.set('host', host)
      variant.set('port', String(port))
      const user = credentials === undefined ? '' : `${credentials}@`
      return { label: `${host}:${port}`, connectionString: `postgres://${user}${path}?${variant}` }
    }),
  )
}

function badUrl(detail: string): TurboError {
  return invalid('/DATABASE_URL', detail, 'Example: postgres://user:password@localhost:5432/agent_turbo')
}

function hostsOf(authority: string, options: URLSearchParams): { host: string; port: number }[] {
  const ports = (options.get('port') ?? '').split(',').filter((port) => port !== '')
  const listed = options.get('host')
  const texts = (listed ?? authority).split(',')
  if (listed !== null && ports.length > 1 && ports.length !== texts.length) throw badUrl('one port for each host')
  return texts.map((text, index) => {
    const parts = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(listed === null ? text : text.replace(/^([^[].*:.*)$/, '[$1]'))
    if (parts === null) throw badUrl('a host is written name:port, [IPv6]:port or as a socket folder in ?host=')
    const port = Number(parts[2] ?? ports[index] ?? ports[0] ?? defaultPort)
    if (!(port >= 1 && port <= 65_535)) throw badUrl('a port is a number from 1 to 65535')
    return { host: decodeURIComponent(parts[1] || 'localhost').replace(/^\[(.*)\]$/, '$1'), port }
  })
}

/**
 * `sslmode` as libpq means it, which `pg` offers under `uselibpqcompat`; `prefer` is two endpoints, with TLS and
 * without. No mode at all is a plain connection, as `pg` has it.
 */
function sslVariants(options: URLSearchParams): URLSearchParams[] {
  const mode = options.get('sslmode')
  if (mode === null) return [new URLSearchParams(options)]
  const modes = mode === 'prefer' ? ['require', 'disable'] : [mode === 'allow' ? 'disable' : mode]
  return modes.map((name) => {
    const variant = new URLSearchParams(options)
    variant.set('sslmode', name)
    if (name !== 'no-verify') variant.set('uselibpqcompat', 'true')
    return variant
  })
}

type Answer = 'writable' | 'read-only' | { failed: unknown }

/** Says whether the server at `endpoint` takes writes; never throws. */
async function probe(endpoint: Endpoint): Promise<Answer> {
  let client: pg.Client | undefined
  try {
    client = new pg.Client({
      connectionString: endpoint.connectionString,
      connectionTimeoutMillis: probeMs,
      query_timeout: probeMs,
      application_name: 'agent-turbo-probe',
    })
    // A connection that breaks reports through the promise below as well.
    client.on('error', () => undefined)
    await client.connect()
    const { rows } = await client.query(`select ${readOnlyExpression} as read_only`)
    return rows[0]?.read_only === true ? 'read-only' : 'writable'
  } catch (failed) {
    return { failed }
  } finally {
    client?.end().catch(() => undefined)
  }
}

/** True on a standby, and where an operator has set the server read-only. */
export const readOnlyExpression = "(pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean)"

/** Finds and remembers the one host among several that takes writes. */
export class WritableHost {
  readonly #endpoints: readonly Endpoint[]
  #chosen: Endpoint | null = null
  #search: Promise<Endpoint> | null = null

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints
  }

  /**
   * The writable host: the remembered one, else the first to say so of all, asked at once.
   *
   * @throws TurboError `unavailable` naming each host and what it said
   */
  async current(): Promise<Endpoint> {
    if (this.#chosen !== null) return this.#chosen
    if (this.#search !== null) return this.#search
    const search = this.#find()
    this.#search = search
    search
      .then(
        (endpoint) => {
          this.#chosen = endpoint
        },
        () => undefined,
      )
      .finally(() => {
        this.#search = null
      })
    return search
  }

  /** Makes the next {@link current} search again, after `endpoint` proved not to be it. */
  drop(endpoint: Endpoint): void {
    if (this.#chosen === endpoint) this.#chosen = null
  }

  #find(): Promise<Endpoint> {
    const answers = this.#endpoints.map((endpoint) => probe(endpoint).then((answer) => ({ endpoint, answer })))
    return new Promise((resolve, reject) => {
      for (const asked of answers) {
        asked.then(({ endpoint, answer }) => answer === 'writable' && resolve(endpoint), reject)
      }
      Promise.all([sleep(failureMs), ...answers]).then(([, ...all]) => reject(noWritableHost(all)), reject)
    })
  }
}

function noWritableHost(asked: { endpoint: Endpoint; answer: Answer }[]): TurboError {
  const said = asked.map(({ endpoint, answer }) => `${endpoint.label} (${describe(answer)})`)
  const failures = asked.flatMap(({ answer }) => (typeof answer === 'object' ? [answer.failed] : []))
  const denied = failures.find((failed) => isState(failureOf(failed).sqlstate, sqlstates.access))
  const next = denied === undefined ? undefined : 'Check user, password and database name in DATABASE_URL.'
  return unavailable(denied ?? failures[0], `no writable PostgreSQL server: ${[...new Set(said)].join(', ')}`, next)
}

function describe(answer: Answer): string {
  if (typeof answer === 'string') return answer
  if (isTurboError(answer.failed)) return answer.failed.code
  const { sqlstate, system } = failureOf(answer.failed)
  if (sqlstate !== undefined) return deniedWords[sqlstate] ?? `SQLSTATE ${sqlstate}`
  return system ?? 'no answer'
}

const deniedWords: Partial<Record<string, string>> = {
  '28P01': 'the password is wrong',
  '28000': 'this user may not log in',
  '3D000': 'this database does not exist',
  '57P03': 'starting up or shutting down',
  '53300': 'too many connections',
}
