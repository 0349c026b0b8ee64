import type { OutputOf } from '../../client/index.ts'
import { type Database, inspectDatabase, notifyRoundTrip } from '../../db/index.ts'
import type { Backend } from '../backend.ts'
import { grouped, plural } from '../render/text.ts'
import { type Check, fail, ok, skipped, warn } from './report.ts'

const NOTIFY_TIMEOUT_MS = 5_000
/** A server that answers slower than this over LISTEN makes other processes see writes late. */
const NOTIFY_MS_WARN = 100
/** The one that iterative index scans need. */
const VECTOR_MIN = [0, 8] as const
const BACKLOG_WARN = 10_000

/** What the database of a store opened by this process is and does. */
export async function checkDatabase(store: Database): Promise<Check[]> {
  const facts = await inspectDatabase(store)
  const { serverVersion, vectorVersion, migrationsApplied, migrationsKnown, readOnly } = facts
  const engine = store.engine === 'embedded' ? 'embedded PostgreSQL' : 'PostgreSQL'
  const [major = 0, minor = 0] = (vectorVersion ?? '0').split('.').map(Number)
  const isVectorNew = major > VECTOR_MIN[0] || minor >= VECTOR_MIN[1]
  const notifiedMs = await notifyRoundTrip(store, NOTIFY_TIMEOUT_MS)
  return [
    readOnly
      ? fail('database', `${engine} ${serverVersion} is read-only`, 'Name the primary in DATABASE_URL.')
      : ok('database', `${engine} ${serverVersion}`),
    isVectorNew
      ? ok('pgvector', vectorVersion ?? '')
      : fail(
          'pgvector',
          vectorVersion ?? 'missing',
          'Install pgvector 0.8 or newer and run `alter extension vector update`.',
        ),
    migrationsApplied === migrationsKnown
      ? ok('migrations', `${migrationsApplied} of ${migrationsKnown} applied`)
      : fail(
          'migrations',
          `${migrationsApplied} of ${migrationsKnown} applied`,
          'Start `agent-turbo serve` once; it applies them.',
        ),
    checkNotify(notifiedMs),
  ]
}

function checkNotify(tookMs: number | null): Check {
  if (tookMs === null) {
    return fail(
      'notifications',
      `LISTEN brought nothing within ${NOTIFY_TIMEOUT_MS / 1000} s`,
      'A pooler in transaction mode swallows them: connect DATABASE_URL to the server itself.',
    )
  }
  const detail = `LISTEN and NOTIFY in ${tookMs.toFixed(1)} ms`
  return tookMs > NOTIFY_MS_WARN
    ? warn('notifications', detail, 'Look at the load and the network of the database.')
    : ok('notifications', detail)
}

/** The same about a server, as far as it says: it checks these when it starts, and refuses to when one is wrong. */
export async function checkServer(backend: Backend): Promise<Check[]> {
  const health = await backend.call('getHealth', {})
  const engine = health.engine === 'embedded' ? 'embedded PostgreSQL' : 'PostgreSQL'
  const onServer = 'checked by the server when it starts'
  return [
    ok('server', `answers, version ${health.version}, up for ${grouped(health.uptimeSeconds)} s`),
    health.database.reachable
      ? ok('database', `${engine}, behind the server`)
      : fail(
          'database',
          health.database.detail ?? 'not reachable from the server',
          'Look at the database and at the log of the server.',
        ),
    skipped('pgvector', onServer),
    skipped('migrations', onServer),
    skipped('notifications', 'the server listens by itself'),
  ]
}

/** Whether vectors can be made, in which space, and how many wait. */
export async function checkEmbedder(backend: Backend): Promise<Check[]> {
  const embedder = await embedderHealth(backend)
  const { spaces, backlog } = await backend.call('getEmbeddings', {})
  const active = spaces.find((space) => space.active)
  const space = active
    ? `, space ${active.model} (${active.dimensions} dimensions, ${grouped(active.vectors)} vectors)`
    : ''
  const waiting = `${plural(backlog, 'item')} waiting`
  return [
    embedder.reachable
      ? ok('embedder', `${embedder.name}${space}`)
      : fail(
          'embedder',
          `${embedder.name}: ${embedder.detail ?? 'not reachable'}${space}`,
          'Start it, or correct AGENT_TURBO_EMBEDDER and its URL; to change the model for good: agent-turbo embeddings use <model>.',
        ),
    backlog > BACKLOG_WARN
      ? warn('backlog', waiting, 'They are found by words; wait, or use a faster embedder.')
      : ok('backlog', waiting),
  ]
}

/** A server tells what it knew a second ago, which is too old for a store that was just opened. */
async function embedderHealth(backend: Backend): Promise<OutputOf<'getHealth'>['embedder']> {
  const health = await (backend.turbo?.knowledge.health() ?? backend.call('getHealth', {}))
  return health.embedder
}
