import { z } from 'zod'
import { defineOperation } from './operation.ts'

const part = { reachable: z.boolean(), detail: z.string().optional() }

export const getHealth = defineOperation({
  name: 'getHealth',
  summary: 'Whether the service works, what it runs on, and how much waits to be embedded. Always answers at once.',
  scope: null,
  input: z.strictObject({}),
  output: z.strictObject({
    status: z.enum(['ok', 'degraded', 'unavailable']),
    version: z.string(),
    engine: z.enum(['embedded', 'postgres']),
    uptime_seconds: z.number(),
    database: z.strictObject(part),
    embedder: z.strictObject({ name: z.string(), ...part }),
    backlog: z.int().describe('Items stored but not yet embedded.'),
  }),
  http: { method: 'GET', path: '/health', status: 200 },
  run: (turbo) => turbo.health(),
})

export const getEmbeddings = defineOperation({
  name: 'getEmbeddings',
  summary: 'The embedding spaces of the store, the one that answers queries, and the items waiting for it.',
  scope: 'read',
  input: z.strictObject({}),
  output: z.strictObject({
    spaces: z.array(
      z.strictObject({
        id: z.int(),
        model: z.string(),
        dimensions: z.int(),
        prefix_scheme: z.string(),
        active: z.boolean(),
        vectors: z.int(),
      }),
    ),
    backlog: z.int(),
  }),
  http: { method: 'GET', path: '/v1/embeddings', status: 200 },
  run: (turbo) => turbo.knowledge.embeddings(),
})
