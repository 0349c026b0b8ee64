import { z } from 'zod'
import { MAX_TOKENS_DEFAULT, MAX_TOKENS_MIN } from '../orchestrator/index.ts'
import { LIMITS, name, words } from './fields.ts'
import { defineOperation } from './operation.ts'

const boundedCount = () =>
  z.union([z.int(), z.templateLiteral([z.int(), '+'])]).describe('`1000+` where there are at least 1,000.')

const task = z.strictObject({
  task_id: z.string(),
  type: z.string(),
  priority: z.int(),
  role: z.string().optional(),
  platform: z.string().optional(),
  worker: z.string().optional(),
  waits_for: z.array(z.string()).optional().describe('Tasks that must end first.'),
  reason: z.string().optional().describe('Why it is blocked, where that is not another task.'),
  description: z.string(),
})

/** What an agent must know when it starts, as far as the budget reaches. */
export const landingContext = z.strictObject({
  system_nodes: z
    .array(
      z.strictObject({
        name: z.string(),
        role: z.string().optional(),
        status: z.string(),
        machine: z.string().optional(),
      }),
    )
    .optional(),
  active_services: z
    .array(
      z.strictObject({
        name: z.string(),
        type: z.string().optional(),
        node: z.string().optional(),
        url: z.string().optional(),
        port: z.int().optional(),
        version: z.string().optional(),
        status: z.string(),
        detail: z.string().optional(),
      }),
    )
    .optional(),
  documentation_sources: z
    .array(z.strictObject({ source: z.string(), project: z.string().optional(), documents: boundedCount() }))
    .optional(),
  relevant_knowledge: z
    .array(
      z.strictObject({
        id: z.int(),
        type: z.string(),
        project: z.string().optional(),
        title: z.string().optional(),
        text: z.string(),
      }),
    )
    .optional(),
  recent_failures: z
    .array(
      z.strictObject({
        task_id: z.string(),
        type: z.string(),
        failed_at: z.string().optional(),
        description: z.string(),
        error: z.string().optional(),
        learned: z.array(z.strictObject({ id: z.int(), text: z.string() })).optional(),
      }),
    )
    .optional()
    .describe('The latest failed tasks, with what was stored of each.'),
  limits: z
    .array(
      z.strictObject({
        account: z.string(),
        platform: z.string(),
        paused_until: z.string(),
        reason: z.string().optional(),
      }),
    )
    .optional()
    .describe('Accounts that are paused.'),
  open_work: z
    .strictObject({
      counts: z.strictObject({ running: boundedCount(), ready: boundedCount(), blocked: boundedCount() }).optional(),
      running: z.array(task).optional(),
      ready: z.array(task).optional().describe('Next first.'),
      blocked: z.array(task).optional(),
    })
    .optional(),
  recent_tasks: z
    .array(z.strictObject({ task_id: z.string(), type: z.string(), status: z.string(), description: z.string() }))
    .optional(),
  active_sessions: z
    .strictObject({
      total: boundedCount().optional(),
      sessions: z.array(
        z.strictObject({
          session_id: z.string(),
          platform: z.string(),
          role: z.string(),
          status: z.string(),
          project: z.string().optional(),
          goal: z.string().optional(),
        }),
      ),
    })
    .optional(),
  database_stats: z
    .strictObject({
      total_size_mb: z.number(),
      knowledge_items: z.int(),
      documents: z.int(),
      sessions: z.int(),
      tasks: z.int(),
      actions: z.int(),
      measured_at: z.string().describe('Since when the figures are these; measured every minute or less often.'),
    })
    .nullable()
    .optional(),
  errors: z
    .array(z.strictObject({ section: z.string(), code: z.string() }))
    .optional()
    .describe('Sections that could not be read.'),
  dropped: z
    .strictObject({ lines: z.int(), sections: z.record(z.string(), z.int()).optional() })
    .optional()
    .describe('How much the budget left out.'),
  generated_at: z.string().describe('When this content came to be; kept while it stays the same.'),
})

/** What a landing context is chosen for, on every verb that gives one. */
export const landingFields = {
  project: name().optional(),
  role: name().optional(),
  goal: words(LIMITS.queryCharsMax).optional().describe('What is to be done: knowledge is chosen by its words.'),
  max_tokens: z
    .int()
    .min(MAX_TOKENS_MIN)
    .max(LIMITS.tokensMax)
    .default(MAX_TOKENS_DEFAULT)
    .describe('Budget of the whole answer.'),
}

export const getLandingContext = defineOperation({
  name: 'getLandingContext',
  summary:
    'What an agent must know when it starts: machines, services, knowledge, open work, failures, limits. As JSON, or as a Markdown prompt.',
  scope: 'read',
  input: z.strictObject({
    format: z.enum(['json', 'markdown']).default('json'),
    ...landingFields,
    fresh: z.boolean().optional().describe('Reads everything anew.'),
  }),
  output: z.union([landingContext, z.string()]),
  http: { method: 'GET', path: '/v1/landing-context', status: 200, etag: true, textType: 'text/markdown' },
  run: (turbo, input) => turbo.orchestrator.landing.landingContext(input),
})
