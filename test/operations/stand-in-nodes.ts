import { TurboError } from '../../src/base/errors.ts'
import type { NodesService, Service, SystemNode } from '../../src/orchestrator/index.ts'

const NOW = '2026-11-20T13:55:56.123456Z'

/** One node and one service, both called `a`, and what is put. */
export function standInNodes(enter: (verb: string, input: unknown) => Promise<void>): NodesService {
  const seen = { createdAt: NOW, lastSeen: NOW }
  const node = (name: string): SystemNode => ({ name, role: null, status: 'active', facts: { cores: 8 }, ...seen })
  const service = (name: string): Service => ({
    ...{ name, node: null, type: null, url: null, port: null, version: null, status: 'running', detail: null },
    metadata: {},
    ...seen,
  })
  const nodes = new Map([['a', node('a')]])
  const services = new Map([['a', service('a')]])
  const given = (input: object) => JSON.parse(JSON.stringify(input))
  return {
    async listNodes() {
      await enter('listNodes', {})
      return { nodes: [...nodes.values()] }
    },
    async getNode(name) {
      await enter('getNode', name)
      return found(nodes.get(name))
    },
    async putNode(input) {
      await enter('putNode', input)
      nodes.set(input.name, { ...node(input.name), ...nodes.get(input.name), ...given(input) })
      return found(nodes.get(input.name))
    },
    async listServices() {
      await enter('listServices', {})
      return { services: [...services.values()] }
    },
    async getService(name) {
      await enter('getService', name)
      return found(services.get(name))
    },
    async putService(input) {
      await enter('putService', input)
      services.set(input.name, { ...service(input.name), ...services.get(input.name), ...given(input) })
      return found(services.get(input.name))
    },
  }
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new TurboError('not_found', 'there is none of this name')
  return value
}
