import { hostname } from 'node:os'
import { invalid, TurboError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { createLoop, type Loop } from '../../base/loop.ts'
import { VERSION } from '../../base/version.ts'
import { toWire } from '../../base/wire.ts'
import type { Database } from '../../db/executor.ts'
import { measureHost } from './measure.ts'
import {
  selectNodes,
  selectServices,
  storeVersions,
  type TouchedService,
  touch,
  upsertNode,
  upsertService,
} from './queries.ts'
import { type NodesService, type Presence, UNSEEN_SECONDS } from './types.ts'

const TELL_MS = (UNSEEN_SECONDS * 1_000) / 6

export interface NodesOptions {
  db: Database
  log: Log
  /** Told of what was written, before the writer learns of it. */
  onWrite: (what: ('nodes' | 'services')[]) => void
}

/** The verbs, with what a server tells of itself. */
export interface Nodes extends NodesService {
  /**
   * Registers this host and the server that answers at `presence.url`, null on a host of workers only, and says so
   * again and again until {@link stop}.
   */
  announce(presence: Presence | null): Promise<void>
  /** Marks the announced server as stopped. Idempotent. */
  stop(): Promise<void>
}

export function createNodes(options: NodesOptions): Nodes {
  return { ...verbs(options), ...announcing(options) }
}

function verbs({ db, onWrite }: NodesOptions): NodesService {
  return {
    listNodes: async () => ({ nodes: await selectNodes(db) }),
    getNode: async (name) => only(await selectNodes(db, name), `no node has the name ${name}`),
    async putNode(input) {
      const node = await upsertNode(db, input)
      onWrite(['nodes'])
      return node
    },
    listServices: async () => ({ services: await selectServices(db) }),
    getService: async (name) => only(await selectServices(db, name), `no service has the name ${name}`),
    async putService(input) {
      if (input.node != null && (await selectNodes(db, input.node)).length === 0) {
        throw invalid('/node', 'there is no node of this name', 'PUT /v1/nodes/{name} makes it.')
      }
      const service = await upsertService(db, input)
      onWrite(['services'])
      return service
    },
  }
}

function only<T>([row]: T[], message: string): T {
  if (row === undefined) throw new TurboError('not_found', message)
  return row
}

function announcing(options: NodesOptions): Pick<Nodes, 'announce' | 'stop'> {
  const { db, log, onWrite } = options
  let loop: Loop | undefined
  let announced: string | undefined
  return {
    async announce(presence) {
      const node = hostname()
      const facts = toWire(await measureHost(await storeVersions(db)))
      const name = presence === null ? undefined : serviceName(node, presence.url)
      const tell = async () => {
        const service = presence && (await serviceOf(serviceName(node, presence.url), node, presence))
        if (await touch(db, { name: node, facts: { ...facts } }, service)) return false
        await upsertNode(db, { name: node, facts: { ...facts } })
        if (service !== null) await upsertService(db, { ...service, type: 'api', port: portOf(service.url) })
        onWrite(['nodes', 'services'])
        return false
      }
      await tell()
      announced = name
      loop = createLoop({ name: 'presence', idleMs: TELL_MS, log, step: tell })
      loop.start()
    },
    async stop() {
      await loop?.stop()
      if (announced === undefined) return
      const name = announced
      announced = undefined
      await upsertService(db, { name, status: 'stopped', detail: null })
      onWrite(['services'])
    },
  }
}

async function serviceOf(name: string, node: string, { url, health }: Presence): Promise<TouchedService> {
  return { name, node, url, version: VERSION, ...(await health()) }
}

/** `agent-turbo@host:8780`: two servers on one host differ by their ports. */
export function serviceName(host: string, url: string): string {
  return `agent-turbo@${host}:${portOf(url)}`
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url)
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}
