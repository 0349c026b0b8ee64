import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import type { Config } from '../../config.ts'
import type { Place } from '../backend.ts'
import { bytes } from '../render/text.ts'
import { type Check, fail, ok, skipped, warn } from './report.ts'

/** The lowest Node.js of package.json's `engines`. */
const NODE_MIN = [20, 19] as const
const FREE_BYTES_WARN = 2_000_000_000
const FREE_BYTES_FAIL = 200_000_000
const HEALTH_TIMEOUT_MS = 2_000

/** Whether this Node.js is new enough. */
export function checkNode(version = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
  if (isEnough) return ok('node', version)
  return fail('node', `${version} is too old`, `Install Node.js ${NODE_MIN.join('.')} or newer.`)
}

/** Whether the data folder can be used and has room. */
export async function checkDataFolder(place: Place): Promise<Check> {
  const dataDir = place.kind === 'postgres' ? undefined : place.dataDir
  if (dataDir === undefined) {
    return skipped('data folder', place.kind === 'postgres' ? 'the store is on a PostgreSQL server' : 'on the server')
  }
  const existing = await nearestFolder(dataDir)
  try {
    await access(existing, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return fail(
      'data folder',
      `${existing} is not writable for this user`,
      'Change its owner or mode, or set AGENT_TURBO_DATA to another folder.',
    )
  }
  const { bavail, bsize } = await statfs(existing)
  const free = bavail * bsize
  const detail = `${dataDir}${existing === dataDir ? '' : ' (not there yet, can be made)'}, ${bytes(free)} free`
  const fix = 'Free some space, or set AGENT_TURBO_DATA to a folder on another disk.'
  if (free < FREE_BYTES_FAIL) return fail('data folder', detail, fix)
  return free < FREE_BYTES_WARN ? warn('data folder', detail, fix) : ok('data folder', detail)
}

async function nearestFolder(path: string): Promise<string> {
  const found = await stat(path).catch(() => null)
  const parent = dirname(path)
  return found !== null || parent === path ? path : nearestFolder(parent)
}

/** Whether the configured port is free for a server, or has one of ours. */
export async function checkPort({ http }: Config): Promise<Check> {
  const { host, port } = http
  if (port === 0) return ok('port', 'any free one')
  const at = `${port} on ${host}`
  const code = await tryBind(host, port)
  if (code === null) return ok('port', `${at} is free`)
  if (code !== 'EADDRINUSE') {
    return fail('port', `${at} cannot be used (${code})`, 'Set AGENT_TURBO_HOST and AGENT_TURBO_PORT to others.')
  }
  const ours = await versionAt(`http://${host}:${port}`)
  if (ours !== null) return ok('port', `${at} has Agent Turbo ${ours}`)
  return warn('port', `${at} is used by another program`, 'Start the server with --port, or set AGENT_TURBO_PORT.')
}

/** Null when the port could be bound, else the system's code. */
function tryBind(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? messageOf(error)))
    server.listen(port, host, () => server.close(() => resolve(null)))
  })
}

async function versionAt(url: string): Promise<string | null> {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) })
    const health = (await response.json()) as { version?: unknown; engine?: unknown }
    return typeof health.version === 'string' && typeof health.engine === 'string' ? health.version : null
  } catch {
    // Whatever it is, it does not answer as ours does.
    return null
  }
}
