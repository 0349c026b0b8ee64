import { type SQL, sql } from 'drizzle-orm'
import type { Executor } from '../../db/executor.ts'
import { type PutNodeInput, type PutServiceInput, type Service, type SystemNode, UNSEEN_SECONDS } from './types.ts'

/** What a server says of itself again and again. */
export type TouchedService = Required<Pick<PutServiceInput, 'name' | 'node' | 'version' | 'status' | 'detail'>> & {
  url: string
}

/** Rows shown at most; a fleet that is larger is looked at by name. */
const ROWS_MAX = 1_000

const isUnseen = (lastSeen: SQL): SQL => sql`${lastSeen} <= now() - make_interval(secs => ${UNSEEN_SECONDS})`

/** A stored status as it may be shown: what is said to run and was not seen for long is `unknown`. */
export const unseenStatus = (status: SQL, lastSeen: SQL): SQL =>
  sql`case when ${status} in ('active', 'running', 'degraded') and ${isUnseen(lastSeen)} then 'unknown' else ${status} end`

/** Seconds until it counts as unseen; null where it does already. */
export const unseenAfterSeconds = (lastSeen: SQL): SQL =>
  sql`case when not ${isUnseen(lastSeen)} and isfinite(${lastSeen})
    then extract(epoch from ${lastSeen} - now())::float8 + ${UNSEEN_SECONDS}::float8 end`

const nodeColumns = sql`node_name as name, node_role as role, facts, created_at, last_seen,
  ${unseenStatus(sql`status`, sql`last_seen`)} as status`

export function selectNodes(db: Executor, name?: string): Promise<SystemNode[]> {
  const only = name === undefined ? sql`` : sql`where node_name = ${name}`
  return db.query<SystemNode>(sql`
    select ${nodeColumns} from system_nodes ${only} order by node_name limit ${ROWS_MAX}`)
}

export async function upsertNode(db: Executor, { name, ...given }: PutNodeInput): Promise<SystemNode> {
  const role = given.role ?? null
  const facts = JSON.stringify(given.facts ?? {})
  const [row] = await db.query<SystemNode>(sql`
    insert into system_nodes as n (node_name, node_role, status, facts)
    values (${name}, ${role}, ${given.status ?? 'active'}, ${facts}::jsonb)
    on conflict (node_name) do update set last_seen = now()${changed({
      node_role: given.role,
      status: given.status,
      facts: given.facts,
    })}
    returning ${nodeColumns}`)
  return row as SystemNode
}

const serviceColumns = sql`service_name as name, node_name as node, service_type as type, url, port, version, detail,
  metadata, created_at, last_seen, ${unseenStatus(sql`status`, sql`last_seen`)} as status`

export function selectServices(db: Executor, name?: string): Promise<Service[]> {
  const only = name === undefined ? sql`` : sql`where service_name = ${name}`
  return db.query<Service>(sql`
    select ${serviceColumns} from services ${only} order by service_name limit ${ROWS_MAX}`)
}

export async function upsertService(db: Executor, { name, ...given }: PutServiceInput): Promise<Service> {
  const { node = null, type = null, url = null, port = null, version = null, status, detail = null } = given
  const metadata = JSON.stringify(given.metadata ?? {})
  const [row] = await db.query<Service>(sql`
    insert into services as s (service_name, node_name, service_type, url, port, version, status, detail, metadata)
    values (${name}, ${node}, ${type}, ${url}, ${port}::int, ${version}, ${status ?? 'running'}, ${detail},
      ${metadata}::jsonb)
    on conflict (service_name) do update set last_seen = now()${changed({
      node_name: given.node,
      service_type: given.type,
      url: given.url,
      port: given.port,
      version: given.version,
      status: given.status,
      detail: given.detail,
      metadata: given.metadata,
    })}
    returning ${serviceColumns}`)
  return row as Service
}

/** `, column = excluded.column` for each column that was given. */
function changed(given: Record<string, unknown>): SQL {
  const columns = Object.keys(given).filter((column) => given[column] !== undefined)
  return sql.raw(columns.map((column) => `, ${column} = excluded.${column}`).join(''))
}

/**
 * Notes that node and service (if it has one) are still there, without telling anyone; false where either is gone, was
 * taken for gone, or says something else.
 */
export async function touch(
  db: Executor,
  node: Required<Pick<PutNodeInput, 'name' | 'facts'>>,
  service: TouchedService | null,
): Promise<boolean> {
  const touched = service === null ? sql`select true as service_name` : touchedService(service)
  const [row] = await db.query<{ seen: boolean }>(sql`
    with node as (
      update system_nodes set last_seen = now()
      where node_name = ${node.name} and facts = ${JSON.stringify(node.facts)}::jsonb
        and not ${isUnseen(sql`last_seen`)}
      returning node_name
    ),
    service as (
      ${touched}
    )
    select exists (select from node) and exists (select from service) as seen`)
  return row?.seen ?? false
}

function touchedService(service: TouchedService): SQL {
  return sql`
      update services set last_seen = now()
      where service_name = ${service.name} and status = ${service.status} and node_name = ${service.node}
        and url = ${service.url} and version = ${service.version}
        and detail is not distinct from ${service.detail}::text and not ${isUnseen(sql`last_seen`)}
      returning service_name`
}

/** Versions of the server and of its vector extension. */
export async function storeVersions(db: Executor): Promise<{ postgresql: string; pgvector: string | null }> {
  const [row] = await db.query<{ postgresql: string; pgvector: string | null }>(sql`
    select current_setting('server_version') as postgresql,
      (select extversion from pg_extension where extname = 'vector') as pgvector`)
  return row as { postgresql: string; pgvector: string | null }
}
