import { z } from 'zod'
import { type FieldError, TurboError } from '../base/errors.ts'

/** What the text of a parameter stands for. */
type Kind =
  | { type: 'text' | 'number' | 'boolean' }
  | { type: 'list'; element: Kind }
  | { type: 'object'; fields: Kinds }

export type Kinds = Map<string, Kind>

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/

/** The kinds of an operation's fields, read off its schema once. Fields of objects are addressed as `source.url`. */
export function kindsOf(fields: Record<string, z.ZodType>): Kinds {
  return new Map(Object.entries(fields).map(([name, schema]) => [name, kindOf(schema)]))
}

function kindOf(schema: unknown): Kind {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable)
    return kindOf(schema.unwrap())
  if (schema instanceof z.ZodNumber) return { type: 'number' }
  if (schema instanceof z.ZodBoolean) return { type: 'boolean' }
  if (schema instanceof z.ZodArray) return { type: 'list', element: kindOf(schema.element) }
  if (schema instanceof z.ZodObject) return { type: 'object', fields: kindsOf(schema.shape) }
  return { type: 'text' }
}

/** The typed value of one parameter's text; text that does not fit is left for the schema to refuse. */
export function typedValue(kinds: Kinds, name: string, text: string): unknown {
  return convert(kinds.get(name) ?? { type: 'text' }, text)
}

function convert(kind: Kind, text: string): unknown {
  if (kind.type === 'number' && NUMBER.test(text)) return Number(text)
  if (kind.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

/**
 * The parameters of a query string, typed by the schema. Lists are given by repetition, by commas, or both.
 *
 * @throws TurboError `invalid_input` when it is no percent-encoded UTF-8 or gives a single value twice.
 */
export function parseQuery(query: string, kinds: Kinds): Record<string, unknown> {
  checkEncoding(query)
  const input: Record<string, unknown> = {}
  const repeated: FieldError[] = []
  for (const [name, text] of new URLSearchParams(query)) {
    const { target, field, kind } = locate(input, name, kinds)
    if (kind.type === 'list') {
      const values = text === '' ? [] : text.split(',').map((part) => convert(kind.element, part))
      const before = target[field]
      target[field] = Array.isArray(before) ? [...before, ...values] : values
    } else if (Object.hasOwn(target, field)) {
      repeated.push({ pointer: `/${name.replaceAll('.', '/').slice(0, 200)}`, detail: 'is given more than once' })
    } else {
      target[field] = convert(kind, text)
    }
  }
  if (repeated.length > 0)
    throw new TurboError('invalid_input', 'a parameter is given more than once', { errors: repeated })
  return input
}

/** Where the parameter goes: a field of the input, or `a.b` a field of its object `a`. */
function locate(
  input: Record<string, unknown>,
  name: string,
  kinds: Kinds,
): { target: Record<string, unknown>; field: string; kind: Kind } {
  const dot = name.indexOf('.')
  const outer = kinds.get(name.slice(0, dot))
  if (dot === -1 || outer?.type !== 'object')
    return { target: input, field: name, kind: kinds.get(name) ?? { type: 'text' } }
  const field = name.slice(dot + 1)
  const key = name.slice(0, dot)
  const target = (input[key] ?? {}) as Record<string, unknown>
  input[key] = target
  return { target, field, kind: outer.fields.get(field) ?? { type: 'text' } }
}

function checkEncoding(query: string): void {
  try {
    decodeURIComponent(query)
  } catch (cause) {
    throw new TurboError('invalid_input', 'the query string is not percent-encoded UTF-8', { cause })
  }
}
