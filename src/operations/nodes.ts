import { z } from 'zod'
import { NODE_STATUSES, SERVICE_STATUSES } from '../orchestrator/index.ts'
import { LIMITS, metadata, name, text, words } from './fields.ts'
import { defineOperation } from './operation.ts'

const PORT_MAX = 65_535

const systemNode = z.strictObject({
  name: z.string(),
  role: z.string().nullable(),
  status: z.enum([...NODE_STATUSES, 'unknown']).describe('unknown: an active one that was not seen for 90 seconds.'),
  facts: metadata().describe('What was measured: os, kernel, architecture, cpu, cores, ram_gb, gpus, versions.'),
  created_at: z.string(),
  last_seen: z.string(),
})

const service = z.strictObject({
  name: z.string(),
  node: z.string().nullable(),
  type: z.string().nullable(),
  url: z.string().nullable(),
  port: z.int().nullable(),
  version: z.string().nullable(),
  status: z.enum(SERVICE_STATUSES).describe('unknown: one that ran and was not seen for 90 seconds.'),
  detail: z.string().nullable().describe('Why it is degraded or stopped, in the words of who reported it.'),
  metadata: metadata(),
  created_at: z.string(),
  last_seen: z.string(),
})

export const listNodes = defineOperation({
  name: 'listNodes',
  summary: 'The machines that are known, with what was measured on them.',
  scope: 'read',
  input: z.strictObject({}),
  output: z.strictObject({ nodes: z.array(systemNode) }),
  http: { method: 'GET', path: '/v1/nodes', status: 200 },
  run: (turbo) => turbo.orchestrator.nodes.listNodes(),
})

export const getNode = defineOperation({
  name: 'getNode',
  summary: 'One machine.',
  scope: 'read',
  input: z.strictObject({ name: name() }),
  output: systemNode,
  http: { method: 'GET', path: '/v1/nodes/{name}', status: 200 },
  run: (turbo, input) => turbo.orchestrator.nodes.getNode(input.name),
})

export const putNode = defineOperation({
  name: 'putNode',
  summary: 'Makes a machine known or changes it; what is not given stays. A server registers its own host by itself.',
  scope: 'write',
  input: z.strictObject({
    name: name(),
    role: name().nullable().optional(),
    status: z.enum(NODE_STATUSES).optional(),
    facts: metadata().optional(),
  }),
  output: systemNode,
  http: { method: 'PUT', path: '/v1/nodes/{name}', status: 200 },
  run: (turbo, input) => turbo.orchestrator.nodes.putNode(input),
})

export const listServices = defineOperation({
  name: 'listServices',
  summary: 'The services that are known, with their health.',
  scope: 'read',
  input: z.strictObject({}),
  output: z.strictObject({ services: z.array(service) }),
  http: { method: 'GET', path: '/v1/services', status: 200 },
  run: (turbo) => turbo.orchestrator.nodes.listServices(),
})

export const getService = defineOperation({
  name: 'getService',
  summary: 'One service.',
  scope: 'read',
  input: z.strictObject({ name: name() }),
  output: service,
  http: { method: 'GET', path: '/v1/services/{name}', status: 200 },
  run: (turbo, input) => turbo.orchestrator.nodes.getService(input.name),
})

export const putService = defineOperation({
  name: 'putService',
  summary: 'Makes a service known, changes it, or says that it is still there; what is not given stays.',
  scope: 'write',
  input: z.strictObject({
    name: name(),
    node: name().nullable().optional(),
    type: name().nullable().optional(),
    url: text(LIMITS.urlCharsMax).nullable().optional(),
    port: z.int().min(1).max(PORT_MAX).nullable().optional(),
    version: name().nullable().optional(),
    status: z.enum(SERVICE_STATUSES).optional(),
    detail: words(LIMITS.titleCharsMax).nullable().optional(),
    metadata: metadata().optional(),
  }),
  output: service,
  http: { method: 'PUT', path: '/v1/services/{name}', status: 200 },
  run: (turbo, input) => turbo.orchestrator.nodes.putService(input),
})
