import { z } from 'zod'

/** Platforms that are agents; the worker has a runner for each. */
export const AGENT_PLATFORMS = ['claude_code', 'codex', 'gemini', 'cursor', 'opencode'] as const

const text = z.string().min(1).max(500)

/** What tasks of a kind are run with, where they say nothing themselves; named as in their `input_data`. */
const route = z.strictObject({
  platform: z.enum(AGENT_PLATFORMS).optional(),
  model: text.optional(),
  effort: text.optional(),
  permission: z.enum(['read', 'edit', 'full']).optional(),
  tools: z.array(text).optional(),
  turns_max: z.int().positive().optional(),
  budget_usd: z.number().positive().optional(),
})

const table = z.record(z.string(), route)

/** The routing table as JSON: by `task_type`. Issues have the path of the field that is wrong. */
export const routesSetting = z.string().transform((json, context): z.output<typeof table> => {
  const parsed = table.safeParse(parsedJson(json))
  if (parsed.success) return parsed.data
  for (const { message, path } of parsed.error.issues) {
    context.addIssue({
      code: 'custom',
      message: path.length === 0 ? 'expected a JSON object of routes' : message,
      path,
    })
  }
  return z.NEVER
})

function parsedJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // Which is no object either: the refusal says what is expected.
    return null
  }
}
