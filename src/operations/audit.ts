import { z } from 'zod'
import { requestOf } from './facade.ts'
import { cursor, instant, LIMITS, limit, metadata, name, payload, text, words } from './fields.ts'
import { defineOperation } from './operation.ts'

const FILES_MAX = 1_000
const COMMANDS_MAX = 200
const COMMAND_CHARS_MAX = 10_000
/** Longer than what is kept, as an agent cannot know how long its output will be: what is too long is cut. */
const SAID_CHARS_MAX = 1_000_000

const list = (chars: number, max: number) =>
  z.array(words(chars)).max(max, `must have at most ${max} entries`).optional()

export const logAction = defineOperation({
  name: 'logAction',
  summary:
    'Writes what an agent did to the audit trail, at the end of the hash chain of its session. Secrets are taken out, long values cut.',
  scope: 'write',
  input: z.strictObject({
    session_id: name(),
    task_id: name().optional(),
    action_type: name().describe('Short word such as command, file_change, api_call, decision.'),
    action_description: text(SAID_CHARS_MAX, 0).optional().describe('The first 20,000 characters are kept.'),
    input_data: payload().optional().describe('The first 100,000 bytes are kept.'),
    output_data: payload().optional().describe('The first 100,000 bytes are kept.'),
    success: z.boolean().default(true),
    error_message: text(SAID_CHARS_MAX, 0).optional().describe('The first 20,000 characters are kept.'),
    execution_time_ms: z.number().min(0).max(1e10).optional(),
    changed_files: list(LIMITS.pathCharsMax, FILES_MAX),
    commands_executed: list(COMMAND_CHARS_MAX, COMMANDS_MAX),
    api_endpoints_called: list(LIMITS.urlCharsMax, COMMANDS_MAX),
    metadata: metadata().optional(),
  }),
  output: z.strictObject({
    action_id: z.string(),
    seq: z.int().describe('Place in the chain of the session.'),
    hash: z.string().describe('SHA-256 over the row and the hash before it.'),
  }),
  http: { method: 'POST', path: '/v1/actions', status: 201 },
  run: (turbo, input, context) => turbo.orchestrator.audit.log(input, requestOf(context)),
})

export const listActions = defineOperation({
  name: 'listActions',
  summary: 'Rows of the audit trail, newest first.',
  scope: 'read',
  input: z.strictObject({
    session_id: name().optional(),
    task_id: name().optional(),
    action_type: name().optional(),
    success: z.boolean().optional(),
    since: instant().optional(),
    limit: limit(),
    cursor: cursor(),
  }),
  output: z.strictObject({
    actions: z.array(
      z.strictObject({
        action_id: z.string(),
        session_id: z.string().nullable(),
        task_id: z.string().nullable(),
        action_type: z.string(),
        action_description: z.string().nullable(),
        input_data: z.record(z.string(), z.unknown()).nullable(),
        output_data: z.record(z.string(), z.unknown()).nullable(),
        success: z.boolean(),
        error_message: z.string().nullable(),
        execution_time_ms: z.number().nullable(),
        changed_files: z.array(z.string()).nullable(),
        commands_executed: z.array(z.string()).nullable(),
        api_endpoints_called: z.array(z.string()).nullable(),
        executed_at: z.string(),
        metadata: metadata(),
        chain_id: z.string().describe('The session; task: and the task, or system, where there is none.'),
        seq: z.int(),
        previous_hash: z.string(),
        hash: z.string(),
      }),
    ),
    next_cursor: z.string().nullable(),
  }),
  http: { method: 'GET', path: '/v1/actions', status: 200, etag: true },
  run: (turbo, input) => turbo.orchestrator.audit.list(input),
})

export const verifyAudit = defineOperation({
  name: 'verifyAudit',
  summary: 'Computes the hashes of the audit trail anew, of one session or of all, and names the first broken row.',
  scope: 'read',
  input: z.strictObject({ session_id: name().optional() }),
  output: z.strictObject({
    valid: z.boolean(),
    checked: z.int().describe('Rows whose hashes were computed.'),
    detached: z.int().describe('Rows in detached months, of which only the recorded ends were compared.'),
    first_broken: z
      .strictObject({
        chain_id: z.string(),
        session_id: z.string().nullable(),
        seq: z.int().describe('Place in the chain; the missing one where a row is missing.'),
        action_id: z.string().nullable(),
        reason: z.string(),
      })
      .optional(),
  }),
  http: { method: 'GET', path: '/v1/audit/verify', status: 200 },
  run: (turbo, input) => turbo.orchestrator.audit.verify(input),
})

export const listAuditHeads = defineOperation({
  name: 'listAuditHeads',
  summary: 'The last place and hash of every chain. Kept elsewhere, they show later whether a chain was written anew.',
  scope: 'read',
  input: z.strictObject({ limit: limit(), cursor: cursor() }),
  output: z.strictObject({
    heads: z.array(z.strictObject({ chain_id: z.string(), seq: z.int(), hash: z.string() })),
    next_cursor: z.string().nullable(),
  }),
  http: { method: 'GET', path: '/v1/audit/heads', status: 200 },
  run: (turbo, input) => turbo.orchestrator.audit.heads(input),
})

export const detachAudit = defineOperation({
  name: 'detachAudit',
  summary:
    'Takes whole months out of the audit trail; their tables stay in the database, and verification goes on behind them.',
  scope: 'admin',
  input: z.strictObject({
    before: z
      .string()
      .regex(/^[1-9]\d{3}-(0[1-9]|1[0-2])$/, 'must be a month, e.g. 2026-01')
      .describe('The first month that stays.'),
  }),
  output: z.strictObject({ detached: z.array(z.string()).describe('Names of the tables.') }),
  http: { method: 'POST', path: '/v1/audit/detach', status: 200 },
  run: (turbo, input) => turbo.orchestrator.audit.detach(input),
})
