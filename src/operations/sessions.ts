import { z } from 'zod'
import { SESSION_STATUSES } from '../orchestrator/index.ts'
import { artifactSummary } from './artifacts.ts'
import { requestOf } from './facade.ts'
import { cursor, instant, LIMITS, limit, metadata, name, text } from './fields.ts'
import { defineOperation } from './operation.ts'

const IDENTIFIER = /^[a-z0-9][a-z0-9_.-]{0,49}$/i

/** A platform or a role. */
export const identifier = () =>
  z
    .string()
    .regex(IDENTIFIER, 'must be 1 to 50 letters, digits, dots, hyphens and underscores, a letter or digit first')

const status = () => z.enum(SESSION_STATUSES)

export const sessionFields = {
  session_id: z.string(),
  agent_platform: z.string(),
  agent_role: z.string(),
  parent_session_id: z.string().nullable(),
  project: z.string().nullable(),
  title: z.string().nullable(),
  goal: z.string().nullable(),
  status: status(),
  created_at: z.string(),
  last_active: z.string().describe('To five seconds: actions, tasks, knowledge and conversation all count.'),
  ended_at: z.string().nullable(),
  tokens_used: z.number(),
  cost_usd: z.number(),
  metadata: metadata(),
  landing_context_version: z.string().nullable(),
}

const session = z.strictObject({
  ...sessionFields,
  landing_context: z.record(z.string(), z.unknown()).describe('What the agent was told when it started.'),
})

export const createSession = defineOperation({
  name: 'createSession',
  summary: 'Starts a session of an agent and tells it what it must know: its landing context.',
  scope: 'write',
  input: z.strictObject({
    agent_platform: identifier().describe(
      'claude_code, codex, gemini, cursor, opencode, openai, n8n, human, or a name of your own.',
    ),
    agent_role: identifier().describe(
      'planner, executor, validator, auditor, researcher, developer, orchestrator, or a name of your own.',
    ),
    confirm_names: z
      .boolean()
      .optional()
      .describe('Takes a name of your own that is nearly a known one; needed once for each name.'),
    parent_session_id: name().optional().describe('The session that delegated to this one.'),
    project: name().optional(),
    goal: text(LIMITS.queryCharsMax).optional().describe('What is to be reached; the landing context fits it.'),
    title: text(LIMITS.titleCharsMax).optional(),
    max_tokens: z
      .int()
      .min(50)
      .max(LIMITS.tokensMax)
      .optional()
      .describe('Budget of the landing context. Default: by role, 1,000 to 2,000.'),
    metadata: metadata().optional(),
  }),
  output: session,
  http: { method: 'POST', path: '/v1/sessions', status: 201 },
  run: (turbo, input, context) => turbo.orchestrator.sessions.create(input, requestOf(context)),
})

export const listSessions = defineOperation({
  name: 'listSessions',
  summary: 'Sessions, newest first, without their landing contexts.',
  scope: 'read',
  input: z.strictObject({
    status: status().optional(),
    agent_platform: identifier().optional(),
    agent_role: identifier().optional(),
    project: name().optional(),
    parent_session_id: name().optional(),
    since: instant().optional().describe('Created at or after.'),
    limit: limit(),
    cursor: cursor(),
  }),
  output: z.strictObject({
    sessions: z.array(z.strictObject(sessionFields)),
    next_cursor: z.string().nullable(),
  }),
  http: { method: 'GET', path: '/v1/sessions', status: 200, etag: true },
  run: (turbo, input) => turbo.orchestrator.sessions.list(input),
})

export const getSession = defineOperation({
  name: 'getSession',
  summary: 'One session, with the landing context it began with.',
  scope: 'read',
  input: z.strictObject({ session_id: name() }),
  output: session,
  http: { method: 'GET', path: '/v1/sessions/{session_id}', status: 200, etag: true },
  run: (turbo, { sessionId }) => turbo.orchestrator.sessions.get(sessionId),
})

export const patchSession = defineOperation({
  name: 'patchSession',
  summary:
    'Changes a session: pauses, resumes (active), completes or fails it, or says more about it. An ended session stays ended.',
  scope: 'write',
  input: z.strictObject({
    session_id: name(),
    status: status().optional(),
    title: text(LIMITS.titleCharsMax).optional(),
    goal: text(LIMITS.queryCharsMax).optional(),
    project: name().optional(),
    tokens_used: z.int().min(0).optional().describe('Total of the session so far.'),
    cost_usd: z.number().min(0).max(10_000_000).optional().describe('Total of the session so far.'),
    metadata: metadata().optional().describe('Replaces the whole object.'),
  }),
  output: z.strictObject(sessionFields),
  http: { method: 'PATCH', path: '/v1/sessions/{session_id}', status: 200 },
  run: (turbo, { sessionId, ...input }) => turbo.orchestrator.sessions.patch(sessionId, input),
})

export const getSessionHistory = defineOperation({
  name: 'getSessionHistory',
  summary:
    'What happened in a session: its tasks, actions, conversation, artifacts and the knowledge it wrote, newest first, page by page.',
  scope: 'read',
  input: z.strictObject({
    session_id: name(),
    limit: limit().describe('Rows of each list.'),
    cursor: cursor(),
  }),
  output: z.strictObject({
    session: z.strictObject(sessionFields),
    tasks: z.array(
      z.strictObject({
        task_id: z.string(),
        task_type: z.string(),
        task_description: z.string().describe('The first 500 characters.'),
        task_priority: z.int(),
        status: z.string(),
        review_status: z.string(),
        error_message: z.string().nullable(),
        created_at: z.string(),
        completed_at: z.string().nullable(),
      }),
    ),
    actions: z.array(
      z.strictObject({
        action_id: z.string(),
        seq: z.int(),
        task_id: z.string().nullable(),
        action_type: z.string(),
        action_description: z.string().nullable(),
        success: z.boolean(),
        error_message: z.string().nullable(),
        execution_time_ms: z.number().nullable(),
        executed_at: z.string(),
      }),
    ),
    conversation: z.array(
      z.strictObject({
        chunk_id: z.string(),
        format: z.string(),
        content: z.string().describe('The first 2,000 characters.'),
        content_chars: z.int(),
        created_at: z.string(),
      }),
    ),
    knowledge: z.array(
      z.strictObject({
        id: z.int(),
        title: z.string().nullable(),
        knowledge_type: z.string(),
        content: z.string().describe('The first 500 characters.'),
        created_at: z.string(),
      }),
    ),
    artifacts: z.array(artifactSummary),
    next_cursor: z.string().nullable().describe('Goes on in every list that has more.'),
  }),
  http: { method: 'GET', path: '/v1/sessions/{session_id}/history', status: 200, etag: true },
  run: (turbo, { sessionId, ...page }) => turbo.orchestrator.sessions.history(sessionId, page),
})
