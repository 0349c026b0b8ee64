import { z } from 'zod'
import { takesBody } from '../base/http-method.ts'
import { inputFields, type Operation } from '../operations/index.ts'
import { EVENTS_TYPE } from './event-stream.ts'
import { PROBLEM_TYPE, STATUS_OF } from './problem.ts'
import { pathFieldsOf } from './route.ts'

/** JSON Schema 2020-12, as far as we write and read it. */
export interface JsonSchema {
  type?: string | string[]
  description?: string
  properties?: Record<string, JsonSchema>
  required?: string[]
  items?: JsonSchema
  enum?: unknown[]
  default?: unknown
  examples?: unknown[]
  [keyword: string]: unknown
}

export interface OpenApiParameter {
  name: string
  in: 'path' | 'query'
  required: boolean
  description?: string
  schema: JsonSchema
}

export interface OpenApiOperation {
  operationId: string
  summary: string
  description: string
  tags: string[]
  parameters: (OpenApiParameter | { $ref: string })[]
  requestBody?: { required: true; content: Record<string, { schema: JsonSchema }> }
  responses: Record<string, unknown>
  security: Record<string, string[]>[]
}

export interface OpenApiDocument {
  openapi: '3.1.0'
  info: { title: string; version: string; description: string; license: { name: string; identifier: string } }
  servers: { url: string }[]
  paths: Record<string, Record<string, OpenApiOperation>>
  components: Record<string, unknown>
}

/** The OpenAPI 3.1 description of `operations`, made from the schemas that check their input. */
export function openApiDocument(operations: readonly Operation[], version: string): OpenApiDocument {
  const paths: OpenApiDocument['paths'] = {}
  for (const operation of operations) {
    const { path, method } = operation.http
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Agent Turbo',
      version,
      description:
        'One shared memory and one work queue for fleets of coding agents. Times are ISO 8601 in UTC. Errors are RFC 9457 problems with a closed code.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'An API key. Callers on the same machine need none.' },
      },
      schemas: { Problem: PROBLEM },
      parameters: { IdempotencyKey: IDEMPOTENCY_KEY, LastEventId: LAST_EVENT_ID },
      responses: {
        Problem: {
          description: 'The request failed; see code and detail.',
          content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  }
}

const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'RFC 9457 problem.',
  required: ['type', 'title', 'status', 'detail', 'code', 'request_id'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What went wrong, for a person.' },
    code: { type: 'string', enum: Object.keys(STATUS_OF), description: 'What went wrong, for a program.' },
    errors: {
      type: 'array',
      description: 'The fields that are wrong.',
      items: {
        type: 'object',
        required: ['pointer', 'detail'],
        properties: {
          pointer: { type: 'string', description: 'RFC 6901 pointer into the input.' },
          detail: { type: 'string' },
        },
      },
    },
    next: { type: 'string', description: 'What to do next.' },
    request_id: { type: 'string' },
  },
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Repeating the request with the same key and input within 24 hours returns the first answer. Another input is refused with 422.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
}

const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  in: 'header',
  required: false,
  description: 'With Accept: text/event-stream, the id of the last event that was seen: what came after it follows.',
  schema: { type: 'string' },
}

function describe(operation: Operation): OpenApiOperation {
  const { name, summary, scope, http } = operation
  const input = schemaOf(operation.input, 'input')
  const inPath = pathFieldsOf(http.path)
  const hasBody = takesBody(http.method)
  const replayable = scope !== 'read' && http.method !== 'GET' && http.replayable !== false
  return {
    operationId: name,
    summary,
    description: scope === null ? 'Needs no key.' : `Needs the scope ${scope}.`,
    tags: [http.path.split('/')[2] ?? 'service'],
    parameters: [
      ...parametersOf(operation, input, inPath, hasBody),
      ...(operation.events === undefined ? [] : [{ $ref: '#/components/parameters/LastEventId' }]),
      ...(replayable ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : []),
    ],
    requestBody: hasBody
      ? { required: true, content: { 'application/json': { schema: without(input, inPath) } } }
      : undefined,
    responses: responsesOf(operation, schemaOf(operation.output, 'output')),
    security: scope === null ? [] : [{ apiKey: [] }, {}],
  }
}

function responsesOf({ http, events }: Operation, schema: JsonSchema): Record<string, unknown> {
  const content: Record<string, unknown> = { 'application/json': { schema } }
  if (http.textType !== undefined) content[http.textType] = { schema: { type: 'string' } }
  if (events !== undefined) content[EVENTS_TYPE] = { schema: { type: 'string' } }
  return {
    [http.status]: { description: http.status === 201 ? 'Created.' : 'Done.', content },
    ...(http.duplicateStatus === undefined
      ? {}
      : { [http.duplicateStatus]: { description: 'It was there already.', content } }),
    ...(http.etag ? { 304: { description: 'Unchanged since the ETag in If-None-Match.' } } : {}),
    default: { $ref: '#/components/responses/Problem' },
  }
}

function parametersOf(operation: Operation, input: JsonSchema, inPath: string[], hasBody: boolean): OpenApiParameter[] {
  const parameters: OpenApiParameter[] = []
  for (const [name, schema] of Object.entries(input.properties ?? {})) {
    const place = inPath.includes(name) ? 'path' : 'query'
    if (place === 'query' && hasBody) continue
    // An object in a query string is written field by field: source.url=…
    const isObject = inputFields(operation.input)[name] !== undefined && schema.properties !== undefined
    const fields = isObject
      ? Object.entries(schema.properties ?? {}).map(([field, inner]) => [`${name}.${field}`, inner] as const)
      : [[name, schema] as const]
    for (const [field, { description, ...inner }] of fields) {
      parameters.push({
        name: field,
        in: place,
        required: place === 'path' || (input.required ?? []).includes(field),
        description,
        schema: inner,
      })
    }
  }
  return parameters
}

function without(schema: JsonSchema, names: string[]): JsonSchema {
  const properties = Object.entries(schema.properties ?? {}).filter(([name]) => !names.includes(name))
  const required = schema.required?.filter((name) => !names.includes(name))
  return { ...schema, properties: Object.fromEntries(properties), required: required?.length ? required : undefined }
}

/** Zod's own JSON Schema, made kinder: answers may grow fields, and the pattern of a date says nothing to a reader. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
      flattenNullable(jsonSchema as JsonSchema)
    },
  })
  return json as JsonSchema
}

/** `anyOf: [X, null]` as X whose type may be null: importers of OpenAPI cope better with it. */
function flattenNullable(schema: JsonSchema): void {
  const options = schema.anyOf as JsonSchema[] | undefined
  const [value, nothing] = options ?? []
  if (options?.length !== 2 || value === undefined || nothing?.type !== 'null' || typeof value.type !== 'string') return
  delete schema.anyOf
  Object.assign(schema, value, { type: [value.type, 'null'] })
}
