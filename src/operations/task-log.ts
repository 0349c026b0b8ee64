import { z } from 'zod'
import { LOG_KINDS, type LogEvent } from '../orchestrator/index.ts'
import { name } from './fields.ts'
import { defineOperation, type ServerEvent } from './operation.ts'

const LINES_MAX = 1_000

const entry = z.strictObject({
  attempt_number: z.int(),
  seq: z.int().describe('1 for the first entry of an attempt.'),
  kind: z.enum(LOG_KINDS).describe('left_out: how much of what was said is not there.'),
  body: z.string(),
  logged_at: z.string(),
})

export const getTaskLog = defineOperation({
  name: 'getTaskLog',
  summary:
    'What the runs of a task said, in order and without secrets; of long ones the beginning and the end. As server-sent events it is told as it comes: `entry` with its position as id, and `end` when the task has ended.',
  scope: 'read',
  input: z.strictObject({
    task_id: name(),
    limit: z.int().min(1).max(LINES_MAX).default(200).describe('Of a page; events have none.'),
    cursor: name().optional().describe('next_cursor of an earlier page: what came after it.'),
  }),
  output: z.strictObject({
    entries: z.array(entry),
    next_cursor: z.string().nullable().describe('Also at the end of what is there: more may come while a run goes on.'),
  }),
  http: { method: 'GET', path: '/v1/tasks/{task_id}/log', status: 200 },
  run: (turbo, input) =>
    turbo.orchestrator.taskLog.list(input.taskId, {
      limit: input.limit,
      ...(input.cursor && { cursor: input.cursor }),
    }),
  async events(turbo, input, { lastEventId, signal }) {
    const cursor = lastEventId ?? input.cursor
    return asEvents(await turbo.orchestrator.taskLog.follow(input.taskId, { signal, ...(cursor && { cursor }) }))
  },
})

async function* asEvents(log: AsyncIterable<LogEvent>): AsyncGenerator<ServerEvent, void, void> {
  for await (const told of log) {
    if (told.kind === 'entry') yield { event: 'entry', id: told.cursor, data: told.entry }
    else yield { event: 'end', data: { taskId: told.taskId, status: told.status } }
  }
}
