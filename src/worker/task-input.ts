import { z } from 'zod'
import { invalid } from '../base/errors.ts'

const text = z.string().min(1)

/** What a worker reads in `input_data`; everything else there is the author's own. */
const inputSchema = z.object({
  cwd: text.optional(),
  env: z.record(z.string(), z.string()).optional(),
  argv: z.array(z.string()).min(1).optional(),
  script: text.optional(),
  permission: z.enum(['read', 'edit', 'full']).optional(),
  model: text.optional(),
  effort: text.optional(),
  tools: z.array(text).optional(),
  turns_max: z.int().positive().optional(),
  budget_usd: z.number().positive().optional(),
  task_budget_usd: z.number().positive().optional(),
  schema: z.record(z.string(), z.unknown()).optional(),
  acceptance: z.array(text).default([]),
})

/** What a task asks of its run. */
export type OrderInput = z.output<typeof inputSchema>

/** @throws TurboError `invalid_input` naming the first field of `input_data` that is wrong */
export function readInput(inputData: Record<string, unknown>): OrderInput {
  const parsed = inputSchema.safeParse(inputData)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw invalid(['', 'input_data', ...(issue?.path ?? [])].join('/'), issue?.message ?? 'is wrong')
}
