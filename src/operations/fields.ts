import { z } from 'zod'

/** Bounds of what one request may carry. The units are in the names. */
export const LIMITS = {
  contentCharsMax: 5_000_000,
  queryCharsMax: 20_000,
  titleCharsMax: 1_000,
  nameCharsMax: 200,
  urlCharsMax: 4_000,
  tagsMax: 50,
  tagCharsMax: 100,
  metadataCharsMax: 100_000,
  metadataDepthMax: 32,
  payloadCharsMax: 4_000_000,
  cursorCharsMax: 1_000,
  batchItemsMax: 1_000,
  queryResultsMax: 100,
  pageItemsMax: 200,
  documentsMax: 200,
  pathCharsMax: 2_000,
  keepPathsMax: 100_000,
  historyEntriesMax: 1_000,
  tokensMax: 200_000,
  descriptionCharsMax: 100_000,
  batchTasksMax: 10_000,
  dependenciesMax: 1_000,
  retriesMax: 1_000,
  concurrencyMax: 10_000,
  /** A year. */
  secondsMax: 31_536_000,
} as const

/** PostgreSQL text holds neither; a lone surrogate is half a character. */
const UNSTORABLE = /[\0\p{Surrogate}]/u
const UNSTORABLE_DETAIL = 'must not contain NUL characters or unpaired surrogates'

/** Text of `min` to `max` characters (UTF-16 units) that every part of the system can store. */
export function text(max: number, min = 1) {
  return z
    .string()
    .min(min, min === 1 ? 'must not be empty' : `must have at least ${min} characters`)
    .max(max, `must have at most ${max} characters`)
    .refine((value) => !UNSTORABLE.test(value), UNSTORABLE_DETAIL)
}

/** {@link text} that says something: more than white space. */
export function words(max: number) {
  return text(max).refine((value) => value === '' || /\S/.test(value), 'must hold more than white space')
}

/** A short name: project, scope, type, category, source. */
export const name = () => words(LIMITS.nameCharsMax)

/** Identifier of a row: what JSON can carry exactly. */
export const id = () => z.int().positive()

/** ISO 8601 with a zone, as PostgreSQL can hold it: years 1000 to 9999, offsets up to 15:59. */
export const instant = () =>
  z.iso
    .datetime({ offset: true, error: 'must be an ISO 8601 date and time with a zone, e.g. 2026-11-20T13:55:56Z' })
    .max(64, 'must have at most 64 characters')
    .refine(
      (value) => !/^0|[+-](1[6-9]|2\d):\d\d$/.test(value),
      'must lie in the years 1000 to 9999, with an offset up to 15:59',
    )

export const tags = () =>
  z.array(words(LIMITS.tagCharsMax)).max(LIMITS.tagsMax, `must have at most ${LIMITS.tagsMax} tags`)

/** The user's own JSON object: stored and returned as it is. */
export const metadata = () => jsonObject(LIMITS.metadataCharsMax)

/** What went into an action or came out of it. */
export const payload = () => jsonObject(LIMITS.payloadCharsMax)

function jsonObject(charsMax: number) {
  return z
    .custom<Record<string, unknown>>(isObject, 'must be a JSON object')
    .superRefine((value, context) => {
      const detail = problemOfJson(value, charsMax)
      if (detail !== null) context.addIssue({ code: 'custom', message: detail })
    })
    .meta({ type: 'object', additionalProperties: true })
}

/** Rows of a page. */
export const limit = () => z.int().min(1).max(LIMITS.pageItemsMax).default(50)

/** Where a list goes on. */
export const cursor = () => text(LIMITS.cursorCharsMax).optional().describe('next_cursor of the page before.')

/** Any JSON object or list: stored and returned as it is. */
export const json = () =>
  z
    .custom<Record<string, unknown> | unknown[]>(
      (value) => typeof value === 'object' && value !== null,
      'must be a JSON object or list',
    )
    .superRefine((value, context) => {
      const detail = problemOfJson(value, LIMITS.metadataCharsMax)
      if (detail !== null) context.addIssue({ code: 'custom', message: detail })
    })
    .meta({ type: ['object', 'array'] })

export const source = () =>
  z.strictObject({
    session: name().optional(),
    task: name().optional(),
    agent: name().optional(),
    url: text(LIMITS.urlCharsMax).optional(),
    commit: name().optional(),
  })

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Why a JSON value cannot be stored, or null. Walks without recursion, as the depth is the caller's. */
function problemOfJson(root: unknown, charsMax: number): string | null {
  const pending: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }]
  let chars = 0
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value, depth } = next
    chars += typeof value === 'string' ? value.length : 1
    if (chars > charsMax) return `must have at most ${charsMax} characters`
    if (typeof value === 'string' && UNSTORABLE.test(value)) return UNSTORABLE_DETAIL
    if (typeof value !== 'object' || value === null) continue
    if (depth > LIMITS.metadataDepthMax) return `must not be nested deeper than ${LIMITS.metadataDepthMax} levels`
    // Field names count and are checked like any text.
    if (!Array.isArray(value)) pending.push(...Object.keys(value).map((key) => ({ value: key, depth: depth + 1 })))
    pending.push(...Object.values(value).map((field) => ({ value: field, depth: depth + 1 })))
  }
  return null
}
