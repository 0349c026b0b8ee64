import type { OutputOf } from '../../client/index.ts'
import type { View } from '../terminal.ts'
import { facts, table } from './table.ts'
import { minute } from './text.ts'

/** The machines, one a line. */
export function renderNodes({ nodes }: OutputOf<'listNodes'>, view: View): string {
  if (nodes.length === 0) return 'no machines yet; `agent-turbo serve` registers its own'
  const rows = nodes.map(({ name, role, status, facts, lastSeen }) => {
    return [name, role ?? '', status, shown(facts.os), shown(facts.cores), shown(facts.ram_gb), minute(lastSeen)]
  })
  return table(['node', 'role', 'status', 'system', 'cores', 'GB', 'last seen (UTC)'], rows, view)
}

/** One machine with all of its facts. */
export function renderNode(node: OutputOf<'getNode'>, view: View): string {
  const { name, role, status, createdAt, lastSeen } = node
  const known = [
    ['node', name],
    ['role', role ?? ''],
    ['status', status],
    ['first seen', minute(createdAt)],
    ['last seen', minute(lastSeen)],
    ...Object.entries(node.facts).map(([fact, value]) => [fact, shown(value)]),
  ] as [string, string][]
  return facts(known, view)
}

/** The services, one a line. */
export function renderServices({ services }: OutputOf<'listServices'>, view: View): string {
  if (services.length === 0) return 'no services yet; `agent-turbo service put <name>` makes one known'
  const rows = services.map(({ name, type, status, node, url, port, version, lastSeen }) => {
    return [name, type ?? '', status, node ?? '', url ?? shown(port), version ?? '', minute(lastSeen)]
  })
  return table(['service', 'type', 'status', 'node', 'address', 'version', 'last seen (UTC)'], rows, view)
}

/** One service. */
export function renderService(service: OutputOf<'getService'>, view: View): string {
  const { name, type, status, detail, node, url, port, version, createdAt, lastSeen } = service
  const known = [
    ['service', name],
    ['type', type],
    ['status', detail === null ? status : `${status}: ${detail}`],
    ['node', node],
    ['url', url],
    ['port', port],
    ['version', version],
    ['first seen', minute(createdAt)],
    ['last seen', minute(lastSeen)],
    ...Object.entries(service.metadata).map(([key, value]) => [key, shown(value)]),
  ] as [string, string | number | null][]
  return facts(
    known.map(([label, value]) => [label, value ?? '']),
    view,
  )
}

/** A fact of any form, as text. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.map(shown).join(', ')
  if (typeof value !== 'object') return String(value)
  return Object.entries(value)
    .map(([key, inner]) => `${key} ${shown(inner)}`)
    .join(', ')
}
