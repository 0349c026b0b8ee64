/** Reading what a stranger wrote: whatever has another shape than expected is absent. */

export type JsonObject = Record<string, unknown>

/** The object that a line holds, null for anything else. */
export function objectIn(line: string): JsonObject | null {
  // Most lines that are not JSON need no exception to be told apart.
  if (!line.startsWith('{')) return null
  try {
    return objectOf(JSON.parse(line))
  } catch {
    // Noise between the lines of JSON, or a line that was cut.
    return null
  }
}

export function objectOf(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
}

/** The field at `path`, undefined where there is none. */
export function at(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>((inner, key) => objectOf(inner)?.[key], value)
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** A count; 0 for what is none. */
export function countOf(value: unknown): number {
  return Math.max(0, numberOf(value) ?? 0)
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}
