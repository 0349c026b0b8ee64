import { z } from 'zod'
import { requestOf } from './facade.ts'
import { cursor, LIMITS, limit, metadata, name, text } from './fields.ts'
import { defineOperation } from './operation.ts'

const summaryFields = {
  artifact_id: z.string(),
  session_id: z.string().nullable(),
  task_id: z.string().nullable(),
  artifact_type: z.string(),
  name: z.string(),
  format: z.string(),
  content_hash: z.string().describe('SHA-256 of the content, hexadecimal.'),
  content_bytes: z.int(),
  metadata: metadata(),
  created_at: z.string(),
}

export const artifactSummary = z.strictObject(summaryFields)

export const addArtifact = defineOperation({
  name: 'addArtifact',
  summary:
    'Keeps what an agent made: a text with a name, attached to its session and task. Its hash is on the audit trail.',
  scope: 'write',
  input: z.strictObject({
    session_id: name().optional(),
    task_id: name().optional(),
    artifact_type: name().describe('Short word such as report, diff, log.'),
    name: text(LIMITS.titleCharsMax),
    format: name().default('text').describe('Short word such as text, markdown, json.'),
    content: text(LIMITS.contentCharsMax, 0).describe('Up to 5,000,000 bytes in UTF-8.'),
    metadata: metadata().optional(),
  }),
  output: artifactSummary,
  http: { method: 'POST', path: '/v1/artifacts', status: 201 },
  run: (turbo, input, context) => turbo.orchestrator.artifacts.add(input, requestOf(context)),
})

export const listArtifacts = defineOperation({
  name: 'listArtifacts',
  summary: 'Artifacts of a session, of a task, or all, newest first, without their contents.',
  scope: 'read',
  input: z.strictObject({
    session_id: name().optional(),
    task_id: name().optional(),
    limit: limit(),
    cursor: cursor(),
  }),
  output: z.strictObject({ artifacts: z.array(artifactSummary), next_cursor: z.string().nullable() }),
  http: { method: 'GET', path: '/v1/artifacts', status: 200, etag: true },
  run: (turbo, input) => turbo.orchestrator.artifacts.list(input),
})

export const getArtifact = defineOperation({
  name: 'getArtifact',
  summary: 'One artifact with its content.',
  scope: 'read',
  input: z.strictObject({ artifact_id: name() }),
  output: z.strictObject({ ...summaryFields, content: z.string() }),
  http: { method: 'GET', path: '/v1/artifacts/{artifact_id}', status: 200, etag: true },
  run: (turbo, { artifactId }) => turbo.orchestrator.artifacts.get(artifactId),
})
