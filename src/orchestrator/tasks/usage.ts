/** What of a model's usage is counted: everything it read and wrote, from a cache or not. */
const TOKEN_FIELDS = ['inputTokens', 'outputTokens', 'cacheReadTokens', 'cacheWriteTokens'] as const

/** All tokens of a run, as its worker reported them by model; 0 where it could not say. */
export function tokensIn(usage: Record<string, unknown> | undefined): number {
  const models: unknown[] = Array.isArray(usage?.models) ? usage.models : []
  return models.reduce<number>((sum, model) => sum + tokensOf((model ?? {}) as Record<string, unknown>), 0)
}

function tokensOf(model: Record<string, unknown>): number {
  const counts = TOKEN_FIELDS.map((field) => Number(model[field]))
  return counts.filter(Number.isSafeInteger).reduce((sum, count) => sum + Math.max(count, 0), 0)
}
