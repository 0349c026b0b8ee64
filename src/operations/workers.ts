import { z } from 'zod'
import { WORKER_STATUSES } from '../orchestrator/index.ts'
import { name } from './fields.ts'
import { defineOperation } from './operation.ts'

const program = z.strictObject({
  platform: z.string(),
  is_installed: z.boolean(),
  version: z.string().nullable(),
  logged_in: z.enum(['yes', 'no', 'unknown']).describe('As the program itself says, in the worker’s own context.'),
})

const worker = z.strictObject({
  worker_id: z.string(),
  host: z.string().nullable(),
  pid: z.int().nullable(),
  version: z.string().nullable(),
  status: z.enum([...WORKER_STATUSES, 'unknown']).describe('unknown: one that ran and was not seen for a minute.'),
  platforms: z.array(z.string()).describe('What it claims tasks for.'),
  roles: z.array(z.string()).nullable().describe('null: any role.'),
  capabilities: z.array(z.string()),
  concurrency: z.int(),
  running: z.int().describe('Tasks that it runs now.'),
  programs: z.array(program).describe('What it found on its host when it last looked.'),
  started_at: z.string(),
  last_seen: z.string(),
})

export const listWorkers = defineOperation({
  name: 'listWorkers',
  summary: 'The workers that were seen within a day: what each can run, and how many tasks it runs.',
  scope: 'read',
  input: z.strictObject({}),
  output: z.strictObject({ workers: z.array(worker) }),
  http: { method: 'GET', path: '/v1/workers', status: 200 },
  run: (turbo) => turbo.orchestrator.workers.list(),
})

export const drainWorker = defineOperation({
  name: 'drainWorker',
  summary: 'Asks a worker to claim nothing more and to end when its runs have ended. The id’s slash is sent as %2F.',
  scope: 'write',
  input: z.strictObject({ worker_id: name() }),
  output: worker,
  http: { method: 'POST', path: '/v1/workers/{worker_id}/drain', status: 200 },
  run: (turbo, input) => turbo.orchestrator.workers.drain(input.workerId),
})
