import { Visitor } from 'oxc-parser'
import type { Source, Violation } from './source.ts'

const fileLinesMax = 300
/** Statements and tables read as lists, and belong side by side; so do the cases of a test. */
const listLinesMax = 500
const isList = /^src\/db\/schema\/|\/(?:[\w-]+-)?queries\.ts$|^test\//
const functionLinesMax = 70

export function fileLengthViolations(sources: Source[]): Violation[] {
  return sources.flatMap(({ path, lines }) => {
    const max = isList.test(path) ? listLinesMax : fileLinesMax
    return lines <= max ? [] : [{ path, line: max + 1, detail: `the file has ${lines} lines, more than ${max}` }]
  })
}

/** A statement in an `sql` template counts as one line: it is read as a whole, and files of statements have their own limit. */
export function functionLengthViolations(sources: Source[]): Violation[] {
  return sources.flatMap((source) => {
    const functions: Span[] = []
    const statements: Span[] = []
    const measure = ({ start, end }: Span) => functions.push({ start, end })
    new Visitor({
      FunctionDeclaration: measure,
      FunctionExpression: measure,
      ArrowFunctionExpression: measure,
      TaggedTemplateExpression: ({ tag, start, end }) => {
        if (tag.type === 'Identifier' && tag.name === 'sql') statements.push({ start, end })
      },
    }).visit(source.program)
    const linesBetween = ({ start, end }: Span) => source.lineOf(end) - source.lineOf(start)
    return functions.flatMap((span) => {
      // A template inside another's hole is part of it.
      const inside = statements.filter((statement) => contains(span, statement))
      const outermost = inside.filter((one) => !inside.some((other) => other !== one && contains(other, one)))
      const lines = 1 + linesBetween(span) - outermost.reduce((sum, statement) => sum + linesBetween(statement), 0)
      if (lines <= functionLinesMax) return []
      const detail = `a function of ${lines} lines, more than ${functionLinesMax}`
      return [{ path: source.path, line: source.lineOf(span.start), detail }]
    })
  })
}

interface Span {
  start: number
  end: number
}

function contains(outer: Span, inner: Span): boolean {
  return inner.start >= outer.start && inner.end <= outer.end
}

/** Work left undone belongs into an issue. */
export function leftoverViolations(sources: Source[]): Violation[] {
  return sources.flatMap(({ path, comments, lineOf }) =>
    comments.flatMap(({ value, start }) => {
      const [word] = /\b(?:TODO|FIXME|XXX|HACK)\b/.exec(value) ?? []
      return word === undefined ? [] : [{ path, line: lineOf(start), detail: `a comment says ${word}` }]
    }),
  )
}

/** A swallowed error needs a comment that says why nothing is lost. */
export function emptyCatchViolations(sources: Source[]): Violation[] {
  return sources.flatMap((source) => {
    const found: Violation[] = []
    const check = (body: { start: number; end: number; body: unknown[] }) => {
      const explained = source.comments.some(({ start, end }) => start > body.start && end < body.end)
      if (body.body.length > 0 || explained) return
      found.push({ path: source.path, line: source.lineOf(body.start), detail: 'an empty catch without a reason' })
    }
    new Visitor({
      CatchClause: ({ body }) => check(body),
      CallExpression: ({ callee, arguments: [handler] }) => {
        if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return
        if (callee.property.name !== 'catch' || handler?.type !== 'ArrowFunctionExpression') return
        if (handler.body?.type === 'BlockStatement') check(handler.body)
      },
    }).visit(source.program)
    return found
  })
}

/** Named exports only, as a name that is the same everywhere can be found; tools want their configuration as default. */
export function defaultExportViolations(sources: Source[]): Violation[] {
  return sources.flatMap((source) => {
    const found: Violation[] = []
    new Visitor({
      ExportDefaultDeclaration: ({ start }) => {
        found.push({ path: source.path, line: source.lineOf(start), detail: 'a default export' })
      },
    }).visit(source.program)
    return found
  })
}
