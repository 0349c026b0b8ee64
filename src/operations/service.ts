import { z } from 'zod'
import { LIMITS, name, text } from './fields.ts'
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
    backlog: z.int().describe('Items stored but not yet embedded.'),
    reembedding: z
      .strictObject({
        model: z.string(),
        phase: z.enum(['embedding', 'indexing', 'switched', 'failed']),
        done: z.int(),
        total: z.int(),
        error: z.string().nullable(),
      })
      .nullable()
      .describe('The change of model under way, or the last one of this process.'),
  }),
  http: { method: 'GET', path: '/v1/embeddings', status: 200 },
  run: (turbo) => turbo.knowledge.embeddings(),
})

export const useEmbeddings = defineOperation({
  name: 'useEmbeddings',
  summary:
    'Begins to embed everything with another model. Queries use the old vectors until the switch; getEmbeddings shows how far it is.',
  scope: 'admin',
  input: z.strictObject({
    kind: z.enum(['builtin', 'service', 'openai', 'ollama', 'tei', 'onnx']),
    model: name().optional(),
    url: text(LIMITS.urlCharsMax).optional().describe('Where the embedder is, where that is not its usual place.'),
  }),
  output: z.strictObject({ started: z.literal(true), model: z.string() }),
  http: { method: 'POST', path: '/v1/embeddings', status: 200 },
  run: (turbo, input) => turbo.knowledge.useEmbeddings(input),
})
