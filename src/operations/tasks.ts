import { z } from 'zod'
import { TASK_STATUSES } from '../orchestrator/index.ts'
import { instant, json, LIMITS, metadata, name, tags, text, words } from './fields.ts'
import { defineOperation } from './operation.ts'

const taskId = () => name().regex(/^[\w.:@/+-]+$/, 'must hold letters, digits and _ . : @ / + - only')
const seconds = () => z.int().min(1).max(LIMITS.secondsMax)
const retries = () => z.int().min(0).max(LIMITS.retriesMax)
const status = () => z.enum(TASK_STATUSES)
const after = z.enum(['success', 'end'])
const onFailure = z.enum(['block', 'skip', 'cancel'])
const page = {
  limit: z.int().min(1).max(LIMITS.pageItemsMax).default(50),
  cursor: text(LIMITS.nameCharsMax).optional().describe('next_cursor of the page before.'),
}

const newTask = z.strictObject({
  task_id: taskId().optional().describe('Your own id; generated when absent.'),
  task_type: name().describe('Short word such as analysis, implementation, review.'),
  task_description: words(LIMITS.descriptionCharsMax).describe('What is to be done, as its agent will read it.'),
  session_id: name().optional().describe('The session that delegates it.'),
  plan_id: name().optional(),
  project: name().optional().describe('Default: that of the session.'),
  task_priority: z
    .int()
    .min(1)
    .max(10)
    .optional()
    .describe('10 first; default 5. Ten minutes of waiting are worth one.'),
  assigned_to_role: name().optional().describe('Only workers with this role run it.'),
  assigned_to_platform: name().optional().describe('Only workers with this platform run it, e.g. codex or command.'),
  required_capabilities: tags().optional().describe('Only workers with all of these run it.'),
  depends_on_tasks: z
    .array(taskId())
    .max(LIMITS.dependenciesMax, `must have at most ${LIMITS.dependenciesMax} ids`)
    .optional()
    .describe('Tasks that must be completed before; in a batch also tasks of the batch, in any order.'),
  dependencies: z
    .array(
      z.strictObject({
        task_id: taskId(),
        after: after.optional().describe('success (default), or end: ended in any way.'),
        on_failure: onFailure
          .optional()
          .describe('When the other does not succeed: block (default), skip (counts as done), or cancel.'),
      }),
    )
    .max(LIMITS.dependenciesMax, `must have at most ${LIMITS.dependenciesMax} dependencies`)
    .optional()
    .describe('As depends_on_tasks, with a policy for each.'),
  required_context: metadata().optional().describe('What its agent must know; your own JSON object.'),
  input_data: metadata().optional().describe('For platform command: {argv: [...], cwd?, env?}.'),
  verify: json().optional().describe('Checks that the result must pass.'),
  timeout_seconds: seconds().optional().describe('Longest run; default 300.'),
  queue_timeout_seconds: seconds().optional().describe('Longest wait, from when it may be claimed.'),
  stall_timeout_seconds: seconds().optional().describe('Longest silence of a run.'),
  total_timeout_seconds: seconds().optional().describe('Longest time from creation to end.'),
  max_retries: retries().optional().describe('Runs after the first that may follow failures of its own; default 3.'),
  max_infra_retries: retries().optional().describe('Runs that may be lost with their worker; default 10.'),
  run_after: instant().optional().describe('Not claimed before.'),
  dedupe_key: name().optional().describe('While a task with this key is not ended, it is answered instead.'),
  concurrency_key: name()
    .optional()
    .describe('Tasks with the same key run concurrency_limit at once, e.g. a repository.'),
  concurrency_limit: z.int().min(1).max(LIMITS.concurrencyMax).optional().describe('Default 1.'),
  metadata: metadata().optional(),
})

const createdTask = z.strictObject({
  task_id: z.string(),
  status: status(),
  duplicate: z.literal(true).optional().describe('Nothing was created: a live task has the dedupe_key.'),
})

const summaryFields = {
  task_id: z.string(),
  session_id: z.string().nullable(),
  plan_id: z.string().nullable(),
  project: z.string().nullable(),
  task_type: z.string(),
  task_description: z.string(),
  task_priority: z.int(),
  assigned_to_role: z.string().nullable(),
  assigned_to_platform: z.string().nullable(),
  status: status(),
  blocked_reason: z.string().nullable().describe('dependencies, dependency_failed, person, or what a review wrote.'),
  depends_on_tasks: z.array(z.string()),
  dependencies_left: z.int(),
  progress_percentage: z.int(),
  current_step: z.string().nullable(),
  error_message: z.string().nullable(),
  assigned_worker_id: z.string().nullable(),
  retry_count: z.int(),
  infra_retry_count: z.int(),
  attempt_count: z.int().describe('Runs that workers began.'),
  review_status: z.enum(['none', 'approved', 'rejected', 'needs_revision']),
  cancel_requested_at: z.string().nullable(),
  run_after: z.string().nullable(),
  created_at: z.string(),
  started_at: z.string().nullable(),
  completed_at: z.string().nullable(),
  updated_at: z.string(),
}

const attempt = z.strictObject({
  attempt_id: z.string(),
  attempt_number: z.int(),
  worker_id: z.string(),
  host: z.string().nullable(),
  pid: z.int().nullable(),
  started_at: z.string(),
  ended_at: z.string().nullable(),
  outcome: z
    .enum(['completed', 'failed', 'cancelled', 'released', 'lease_expired', 'timed_out', 'fenced'])
    .nullable()
    .describe('null while it runs.'),
  failure_class: z.string().nullable(),
  exit_code: z.int().nullable(),
  cli_session_id: z.string().nullable(),
  error_message: z.string().nullable(),
  usage: z.record(z.string(), z.unknown()).nullable(),
  cost_usd: z.number().nullable(),
})

const task = z.strictObject({
  ...summaryFields,
  required_capabilities: z.array(z.string()),
  required_context: z.record(z.string(), z.unknown()),
  input_data: z.record(z.string(), z.unknown()),
  output_data: z.record(z.string(), z.unknown()).nullable(),
  verify: z.unknown(),
  timeout_seconds: z.int(),
  queue_timeout_seconds: z.int().nullable(),
  stall_timeout_seconds: z.int().nullable(),
  total_timeout_seconds: z.int().nullable(),
  max_retries: z.int(),
  max_infra_retries: z.int(),
  dedupe_key: z.string().nullable(),
  concurrency_key: z.string().nullable(),
  concurrency_limit: z.int(),
  ready_at: z.string().nullable().describe('Since when it may be claimed.'),
  deadline_at: z.string().nullable().describe('When one of its time limits ends it, as it stands now.'),
  metadata: z.record(z.string(), z.unknown()),
  dependencies: z.array(
    z.strictObject({
      task_id: z.string(),
      after,
      on_failure: onFailure,
      met: z.boolean(),
      status: status().nullable().describe('null when that task was deleted.'),
    }),
  ),
  why_waiting: z
    .array(
      z.strictObject({
        reason: z.enum([
          'dependency',
          'dependency_failed',
          'review',
          'person',
          'run_after',
          'no_worker',
          'account_paused',
          'budget',
          'concurrency',
          'queue',
        ]),
        detail: z.string(),
      }),
    )
    .describe('Every reason why it is not running; empty when it runs or has ended.'),
  attempts: z.array(attempt).describe('Its latest runs, newest first.'),
  cost_usd: z.number().describe('Sum of what its runs reported.'),
})

export const createTask = defineOperation({
  name: 'createTask',
  summary: 'Puts a task into the queue. It is run once the tasks that it depends on are completed.',
  scope: 'write',
  input: newTask,
  output: createdTask,
  http: { method: 'POST', path: '/v1/tasks', status: 201, duplicateStatus: 200 },
  run: (turbo, input, { principal, idempotencyKey }) =>
    turbo.orchestrator.tasks.create(input, seedOf(principal.id, idempotencyKey)),
})

export const createTasks = defineOperation({
  name: 'createTasks',
  summary: 'Puts a graph of up to 10,000 tasks into the queue, all or none. They may refer to each other by task_id.',
  scope: 'write',
  input: z.strictObject({
    tasks: z
      .array(newTask)
      .min(1, 'must not be empty')
      .max(LIMITS.batchTasksMax, `must have at most ${LIMITS.batchTasksMax} tasks`),
  }),
  output: z.strictObject({ tasks: z.array(createdTask).describe('In the order of the request.') }),
  http: { method: 'POST', path: '/v1/tasks/batch', status: 201, largeBody: true },
  run: async (turbo, { tasks }, { principal, idempotencyKey }) => ({
    tasks: await turbo.orchestrator.tasks.createBatch(tasks, seedOf(principal.id, idempotencyKey)),
  }),
})

/** A repeated request makes the same ids, and so finds what the first one made. */
function seedOf(principal: string, idempotencyKey: string | undefined): string | undefined {
  return idempotencyKey && `${principal}\n${idempotencyKey}`
}

export const listTasks = defineOperation({
  name: 'listTasks',
  summary: 'Tasks newest first, filtered, page by page; with ready those that may be claimed now, in that order.',
  scope: 'read',
  input: z.strictObject({
    status: z.array(status()).max(TASK_STATUSES.length).optional(),
    project: name().optional(),
    session_id: name().optional(),
    plan_id: name().optional(),
    role: name().optional(),
    platform: name().optional(),
    task_type: name().optional(),
    ready: z.boolean().optional(),
    ...page,
  }),
  output: z.strictObject({ tasks: z.array(z.strictObject(summaryFields)), next_cursor: z.string().nullable() }),
  http: { method: 'GET', path: '/v1/tasks', status: 200, etag: true },
  run: (turbo, input) => turbo.orchestrator.tasks.list(input),
})

export const getTask = defineOperation({
  name: 'getTask',
  summary: 'One task with its dependencies, its runs and what they cost, and every reason why it is not running.',
  scope: 'read',
  input: z.strictObject({ task_id: taskId() }),
  output: task,
  http: { method: 'GET', path: '/v1/tasks/{task_id}', status: 200, etag: true },
  run: (turbo, { taskId }) => turbo.orchestrator.tasks.get(taskId),
})

export const listTaskAttempts = defineOperation({
  name: 'listTaskAttempts',
  summary: 'The runs of a task, newest first, page by page.',
  scope: 'read',
  input: z.strictObject({ task_id: taskId(), ...page }),
  output: z.strictObject({ attempts: z.array(attempt), next_cursor: z.string().nullable() }),
  http: { method: 'GET', path: '/v1/tasks/{task_id}/attempts', status: 200, etag: true },
  run: (turbo, { taskId, ...rest }) => turbo.orchestrator.tasks.listAttempts(taskId, rest),
})

const reportFields = {
  status: status().optional().describe('Moves it, where docs/state-machine.md allows that.'),
  progress_percentage: z.int().min(0).max(100).optional(),
  current_step: text(LIMITS.titleCharsMax).nullable().optional(),
  output_data: metadata().optional().describe('The result; your own JSON object.'),
  error_message: text(LIMITS.queryCharsMax).nullable().optional(),
}

export const reportTask = defineOperation({
  name: 'reportTask',
  summary: 'What an agent that runs a task by itself reports of it. An ended task takes no more reports.',
  scope: 'write',
  input: z
    .strictObject({ task_id: taskId(), ...reportFields })
    .refine(
      ({ task_id: _, ...changes }) => Object.values(changes).some((value) => value !== undefined),
      `needs at least one of ${Object.keys(reportFields).join(', ')}`,
    ),
  output: task,
  http: { method: 'PATCH', path: '/v1/tasks/{task_id}', status: 200 },
  run: (turbo, { taskId, ...report }) => turbo.orchestrator.tasks.report(taskId, report),
  reread: (turbo, { taskId }) => turbo.orchestrator.tasks.get(taskId),
})

export const cancelTask = defineOperation({
  name: 'cancelTask',
  summary:
    'Cancels a task: one that waits at once, one that runs as soon as its worker reads it, with its next heartbeat.',
  scope: 'write',
  input: z.strictObject({ task_id: taskId() }),
  output: task,
  http: { method: 'POST', path: '/v1/tasks/{task_id}/cancel', status: 200 },
  run: (turbo, { taskId }) => turbo.orchestrator.tasks.cancel(taskId),
  reread: (turbo, { taskId }) => turbo.orchestrator.tasks.get(taskId),
})

export const retryTask = defineOperation({
  name: 'retryTask',
  summary: 'Puts an ended task, or one that a person or a review holds, back into the queue with all its retries.',
  scope: 'write',
  input: z.strictObject({ task_id: taskId() }),
  output: task,
  http: { method: 'POST', path: '/v1/tasks/{task_id}/retry', status: 200 },
  run: (turbo, { taskId }) => turbo.orchestrator.tasks.retry(taskId),
  reread: (turbo, { taskId }) => turbo.orchestrator.tasks.get(taskId),
})
