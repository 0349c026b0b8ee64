import { type core, z } from 'zod'
import type { Scope } from '../access/index.ts'
import { type FieldError, TurboError } from '../base/errors.ts'
import type { HttpMethod } from '../base/http-method.ts'
import { type FromWire, fromWire } from '../base/wire.ts'
import type { OperationContext, Turbo } from './facade.ts'

/** One part of an answer that is told as it comes. */
export interface ServerEvent {
  /** What it is; a kind of the operation's own. */
  event: string
  /** Where a reader that was cut off goes on. */
  id?: string
  /** In the domain's shape. */
  data: object
}

export interface EventsContext {
  /** The last id that the reader has seen. */
  lastEventId: string | undefined
  /** Aborted when nobody reads any more. */
  signal: AbortSignal
}

/** How an operation appears over HTTP. */
export interface HttpRoute {
  method: HttpMethod
  /** With `{name}` for fields of the input that travel in the path. */
  path: string
  status: 200 | 201
  /** The status where the output says `status: "duplicate"` or `duplicate: true`: nothing was created. */
  duplicateStatus?: 200
  /** Answers carry an ETag, and an unchanged one is 304. */
  etag?: boolean
  /** What an output that is a text, and no object, is sent as. */
  textType?: 'text/markdown'
  /** Takes bodies up to the limit for documents. */
  largeBody?: boolean
  /** False where an answer must not be kept for replay, because it holds a secret. Default true for what is not a read. */
  replayable?: boolean
}

/**
 * A verb, in one place: every surface (HTTP, MCP, command line, client) is a projection of it. Schemas describe the
 * wire (`snake_case`); `run` works on the domain's shapes (`camelCase`).
 */
export interface Operation<
  Name extends string = string,
  In extends z.ZodType = z.ZodType,
  Out extends z.ZodType = z.ZodType,
  Http extends HttpRoute = HttpRoute,
> {
  /** Unique; the operationId of OpenAPI and the method of the client. */
  name: Name
  /** At most 300 characters: what it does, in a caller's words. */
  summary: string
  /** What a key must be allowed to do; null: anyone may call it. */
  scope: Scope | null
  input: In
  output: Out
  http: Http
  run(turbo: Turbo, input: FromWire<z.output<In>>, context: OperationContext): Promise<FromWire<z.output<Out>>>
  /**
   * Needed for a write whose answer holds stored text, which must be nowhere after an erase: such an answer is not kept
   * for its Idempotency-Key, and a repetition is answered with what this reads.
   */
  reread?(turbo: Turbo, input: FromWire<z.output<In>>): Promise<FromWire<z.output<Out>>>
  /**
   * The answer as it comes, for who asks for server-sent events. What is wrong with the request is thrown before the first
   * event.
   */
  events?(turbo: Turbo, input: FromWire<z.output<In>>, context: EventsContext): Promise<AsyncIterable<ServerEvent>>
}

/** Declares an operation, with the types of its schemas checked against its `run`. */
export function defineOperation<
  const Name extends string,
  In extends z.ZodType,
  Out extends z.ZodType,
  const Http extends HttpRoute,
>(operation: Operation<Name, In, Out, Http>): Operation<Name, In, Out, Http> {
  return operation
}

/** More than this many wrong fields help nobody. */
const FIELD_ERRORS_MAX = 20
const FIELD_NAME_CHARS_MAX = 100

/**
 * The wire input of an operation, checked, with defaults filled in.
 *
 * @throws TurboError `invalid_input` naming every wrong field (the first 20) by its pointer.
 */
export function parseInput<In extends z.ZodType>(
  operation: { name: string; input: In },
  raw: unknown,
): FromWire<z.output<In>> {
  const parsed = safeParse(operation.input, raw)
  if (parsed.success) return fromWire(parsed.data)
  const errors = fieldErrors(parsed.error.issues)
  const [first] = errors
  const where = first === undefined || first.pointer === '' ? 'input' : first.pointer.slice(1).replaceAll('/', '.')
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  throw new TurboError('invalid_input', `${where}: ${first?.detail ?? 'is wrong'}${more}`, {
    errors,
    next: `Correct the named fields; /openapi.json describes ${operation.name}.`,
  })
}

/** Zod's `safeParse` with our words for what is missing. */
export function safeParse<Schema extends z.ZodType>(
  schema: Schema,
  raw: unknown,
): z.ZodSafeParseResult<z.output<Schema>> {
  return schema.safeParse(raw, { error: sayWhatIsMissing })
}

/** What zod found wrong, as field errors with pointers. */
export function fieldErrors(issues: readonly core.$ZodIssue[]): FieldError[] {
  const errors: FieldError[] = []
  for (const issue of issues) {
    if (errors.length >= FIELD_ERRORS_MAX) break
    const keys = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, FIELD_ERRORS_MAX) : []
    for (const key of keys) errors.push({ pointer: pointerOf([...issue.path, key]), detail: 'unknown field' })
    if (keys.length === 0) errors.push({ pointer: pointerOf(issue.path), detail: issue.message })
  }
  return errors.slice(0, FIELD_ERRORS_MAX)
}

function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${escapePart(String(part).slice(0, FIELD_NAME_CHARS_MAX))}`).join('')
}

/** RFC 6901; a name that is no well-formed text must not spoil the answer either. */
function escapePart(part: string): string {
  return part
    .replaceAll('~', '~0')
    .replaceAll('/', '~1')
    .replace(/[\p{Cc}\p{Surrogate}]/gu, '\ufffd')
}

const sayWhatIsMissing: core.$ZodErrorMap = (issue) =>
  issue.code === 'invalid_type' && issue.input === undefined ? `is required (${issue.expected})` : undefined

/** The fields of an operation's input by name; empty where it takes none. */
export function inputFields(input: z.ZodType): Record<string, z.ZodType> {
  return input instanceof z.ZodObject ? input.shape : {}
}
