import { type Command, InvalidArgumentError, Option } from 'commander'

/** Parsers of option values. What they refuse is a usage error; ranges are checked by the operation itself. */

/** A repeatable option: `--tag a --tag b`, or `--tag a,b`. */
export function several(value: string, before: string[] = []): string[] {
  const given = value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  return [...before, ...given]
}

export function wholeNumber(value: string): number {
  if (!/^-?\d{1,15}$/.test(value)) throw new InvalidArgumentError('Expected a whole number.')
  return Number(value)
}

export function decimal(value: string): number {
  if (!/^-?\d*\.?\d+$/.test(value)) throw new InvalidArgumentError('Expected a number such as 0.25.')
  return Number(value)
}

/** Ids of items or keys, as arguments. */
export function ids(value: string, before: number[] = []): number[] {
  return [...before, id(value)]
}

export function id(value: string): number {
  const parsed = Number(/^#?(\d{1,15})$/.exec(value)?.[1] ?? 0)
  if (parsed < 1) throw new InvalidArgumentError('Expected an id: a whole number such as 12.')
  return parsed
}

export function jsonObject(value: string): Record<string, unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch {
    throw new InvalidArgumentError('Expected JSON.')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new InvalidArgumentError('Expected a JSON object such as {"build": 7}.')
  }
  return parsed as Record<string, unknown>
}

const UNIT_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** A date, a date with time, or a span back from now: `2026-11-01`, `2026-11-01T08:00:00Z`, `7d`. */
export function pastInstant(value: string): string {
  return instant(value, -1)
}

/** The same, with spans forward from now. */
export function futureInstant(value: string): string {
  return instant(value, 1)
}

function instant(value: string, direction: 1 | -1): string {
  const [, count, unit] = /^(\d{1,6})([mhdw])$/.exec(value) ?? []
  const spanMs = Number(count) * (UNIT_MS[unit ?? ''] ?? Number.NaN)
  // Without a zone a date alone is UTC and a date with time is local; the operation is told which instant is meant.
  const date = new Date(
    Number.isNaN(spanMs) ? (/^\d{4}-\d\d/.test(value) ? value : Number.NaN) : Date.now() + direction * spanMs,
  )
  if (Number.isNaN(date.getTime())) {
    throw new InvalidArgumentError(
      'Expected a date such as 2026-11-01, a time such as 2026-11-01T08:00:00Z, or 30m, 24h, 7d, 2w.',
    )
  }
  return date.toISOString()
}

/** Values of the options that narrow down items. */
export interface FilterOptions {
  project?: string
  scope?: string
  type?: string
  category?: string
  tag?: string[]
  since?: string
  asOf?: string
  session?: string
  task?: string
  agent?: string
  sourceUrl?: string
  commit?: string
}

/** Adds the options that narrow down items. */
export function withFilter(command: Command): Command {
  return command
    .option('-p, --project <name>', 'only this project')
    .option('--scope <name>', 'only this scope')
    .option('--type <name>', 'only this type, e.g. solution')
    .option('--category <name>', 'only this category')
    .option('-t, --tag <names>', 'only items with all these tags', several)
    .addOption(new Option('--since <time>', 'only items created since, e.g. 7d or 2026-11-01').argParser(pastInstant))
    .addOption(new Option('--as-of <time>', 'as the store stood then').argParser(pastInstant))
    .option('--session <id>', 'only what this session wrote')
    .option('--task <id>', 'only what came of this task')
    .option('--agent <name>', 'only what this agent wrote')
    .option('--source-url <url>', 'only what came from this URL')
    .option('--commit <hash>', 'only what belongs to this commit')
}

/** The filter of an operation. */
export function filterOf({ project, scope, type, category, tag, since, asOf, ...origin }: FilterOptions) {
  const { session, task, agent, sourceUrl: url, commit } = origin
  const source = { session, task, agent, url, commit }
  const narrowed = Object.values(source).some((value) => value !== undefined)
  return {
    project,
    scope,
    knowledgeType: type,
    category,
    tags: tag,
    since,
    asOf,
    source: narrowed ? source : undefined,
  }
}
