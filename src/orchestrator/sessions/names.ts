import { distance } from 'fastest-levenshtein'
import { invalid } from '../../base/errors.ts'

export const PLATFORMS = ['claude_code', 'codex', 'gemini', 'cursor', 'opencode', 'openai', 'n8n', 'human'] as const

/** Known roles, with the tokens of landing context each starts with: who hands out work needs to see more of it. */
export const ROLES: Record<string, { maxTokens: number }> = {
  planner: { maxTokens: 2_000 },
  orchestrator: { maxTokens: 2_000 },
  auditor: { maxTokens: 1_500 },
  researcher: { maxTokens: 1_500 },
  executor: { maxTokens: 1_000 },
  validator: { maxTokens: 1_000 },
  developer: { maxTokens: 1_000 },
}

/** For a role of the operator's own. */
const MAX_TOKENS = 1_000

export function maxTokensOf(role: string): number {
  return ROLES[role]?.maxTokens ?? MAX_TOKENS
}

/** A name that is nearly, but not quite, a known one. */
export interface NearMiss {
  field: 'agent_platform' | 'agent_role'
  name: string
  known: string
}

/** The names that look like slips of a known one: letter case, or one letter in short names and two in long ones. */
export function nearMisses(platform: string, role: string): NearMiss[] {
  const misses: NearMiss[] = []
  const knownPlatform = nearestTo(platform, PLATFORMS)
  if (knownPlatform !== null) misses.push({ field: 'agent_platform', name: platform, known: knownPlatform })
  const knownRole = nearestTo(role, Object.keys(ROLES))
  if (knownRole !== null) misses.push({ field: 'agent_role', name: role, known: knownRole })
  return misses
}

function nearestTo(name: string, known: readonly string[]): string | null {
  if (known.includes(name)) return null
  const slips = (other: string) => distance(name.toLowerCase(), other)
  return known.find((other) => slips(other) <= (other.length < 6 ? 1 : 2)) ?? null
}

export function nearMissRefusal({ field, name, known }: NearMiss) {
  return invalid(
    `/${field}`,
    `${name} is nearly ${known}`,
    `Give ${known}, or set confirm_names when ${name} is a name of your own; it is known from then on.`,
  )
}
