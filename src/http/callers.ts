import { isIPv4 } from 'node:net'
import { allows, type Principal, SCOPES, type Scope } from '../access/index.ts'
import { isTurboError, TurboError } from '../base/errors.ts'
import type { HttpConfig, HttpContext, HttpDependencies } from './context.ts'

/** A caller on this machine: it could read the data folder as well. */
const LOCAL: Principal = { id: 'local', scopes: SCOPES }

/** A proxy on this machine adds one of these; its callers are not local. */
const PROXY_HEADERS = ['x-forwarded-for', 'forwarded', 'via'] as const

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase()
  return name === 'localhost' || name === '::1' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'))
}

/**
 * Refuses a request that a foreign web page made a browser send: by a name that was rebound to this address, or from
 * another origin. Null when it may pass. Bound to another address than the loopback, every request needs a key, which
 * no page has, and only the origin is looked at.
 */
export function crossSiteRefusal(c: HttpContext, config: HttpConfig): TurboError | null {
  const host = hostOf(c)
  if (isLoopback(config.host) && !isLoopback(host) && !config.allowedHosts.includes(host)) {
    return new TurboError('forbidden', 'this server does not answer under that host name', {
      next: 'Use 127.0.0.1 or localhost, or name the host in AGENT_TURBO_ALLOWED_HOSTS.',
    })
  }
  const origin = c.req.header('origin')
  if (origin === undefined) return null
  const from = /^https?:\/\/(\[[^\]]*\]|[^/:]+)(?::\d+)?$/.exec(origin.toLowerCase())?.[1]
  if (from !== undefined && (isLoopback(from) || from === host || config.allowedHosts.includes(from))) return null
  return new TurboError('forbidden', 'requests from web pages of another origin are refused', {
    next: 'Call from a program, or name the host of the page in AGENT_TURBO_ALLOWED_HOSTS.',
  })
}

/** The host the request was sent to, lower case, without port. */
function hostOf(c: HttpContext): string {
  const url = c.req.url
  const start = url.indexOf('://') + 3
  const authority = url.slice(start, url.indexOf('/', start)).toLowerCase()
  return authority.replace(/:\d+$/, '')
}

/**
 * Who calls. On the loopback a request without a key is local, unless it came through a proxy or under a name that is
 * not the loopback's. A proxy need not tell that it is one: where host names for one are set, every request needs a key.
 *
 * @throws TurboError `unauthorized`; `rate_limited` in its place for an address that failed too often. A good key is
 * never refused for it: behind a proxy all callers have one address, and one wrong key must not lock out the others.
 */
export async function authenticate(c: HttpContext, deps: HttpDependencies): Promise<Principal> {
  try {
    return await identify(c, deps)
  } catch (error) {
    if (!isTurboError(error, 'unauthorized')) throw error
    const { refusal } = await deps.failureLimit(c.env?.incoming?.socket.remoteAddress ?? 'unknown')
    throw refusal ?? error
  }
}

async function identify(c: HttpContext, { config, turbo }: HttpDependencies): Promise<Principal> {
  const header = c.req.header('authorization')
  if (header === undefined) {
    const isProxied = PROXY_HEADERS.some((name) => c.req.header(name) !== undefined)
    const isDirect = config.allowedHosts.length === 0 && !isProxied && isLoopback(hostOf(c))
    if (isLoopback(config.host) && isDirect) return LOCAL
    throw new TurboError('unauthorized', 'an API key is required', {
      next: 'Send the header Authorization: Bearer <key>, on the command line AGENT_TURBO_API_KEY; an admin key makes others.',
    })
  }
  const key = /^Bearer +(\S+) *$/i.exec(header)?.[1]
  if (key === undefined) {
    throw new TurboError('unauthorized', 'the Authorization header is not of the form Bearer <key>')
  }
  return turbo.access.verifyKey(key)
}

/** @throws TurboError `forbidden` naming the scope that is missing. */
export function authorize(principal: Principal, scope: Scope): void {
  if (allows(principal, scope)) return
  throw new TurboError('forbidden', `this API key lacks the scope ${scope}`, {
    next: `Use a key that has ${scope}; with an admin key, \`agent-turbo keys create --scopes ${scope}\` makes one.`,
  })
}
