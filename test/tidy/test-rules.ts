import { type CallExpression, type Node, Visitor } from 'oxc-parser'
import type { Source, Violation } from './source.ts'

const groups = ['describe', 'suite']
const cases = ['it', 'test']
const switches = ['only', 'skip', 'todo', 'skipIf', 'runIf', 'fails']

/** A test that is switched off, or that switches the others off. */
export function switchedTestViolations(sources: Source[]): Violation[] {
  return sources.flatMap((source) => {
    const found: Violation[] = []
    new Visitor({
      MemberExpression: (node) => {
        const name = node.property.type === 'Identifier' ? node.property.name : ''
        const root = rootOf(node.object)
        if (!switches.includes(name) || ![...groups, ...cases, 'context', 'ctx'].includes(root)) return
        found.push({ path: source.path, line: source.lineOf(node.start), detail: `${root}.${name}` })
      },
    }).visit(source.program)
    return found
  })
}

/** Two tests of one file with the same full title cannot be told apart in a report. */
export function repeatedTitleViolations(sources: Source[]): Violation[] {
  return sources.flatMap((source) => {
    const found: Violation[] = []
    const seen = new Set<string>()
    const trail: string[] = []
    new Visitor({
      CallExpression: (call) => {
        const [title] = call.arguments
        if (title === undefined || !isTestCall(call)) return
        const path = [...trail, source.text.slice(title.start, title.end)]
        if (groups.includes(rootOf(call.callee))) trail.push(path.at(-1) ?? '')
        const key = path.join(' > ')
        if (seen.has(key)) found.push({ path: source.path, line: source.lineOf(call.start), detail: `again ${key}` })
        seen.add(key)
      },
      'CallExpression:exit': (call) => {
        if (isTestCall(call) && groups.includes(rootOf(call.callee))) trail.pop()
      },
    }).visit(source.program)
    return found
  })
}

/** `it('…', …)`, `describe.each(table)('…', …)`: a title comes first and a function last. */
function isTestCall({ callee, arguments: given }: CallExpression): boolean {
  if (![...groups, ...cases].includes(rootOf(callee))) return false
  return given.some(({ type }) => type === 'ArrowFunctionExpression' || type === 'FunctionExpression')
}

/** `describe` of `describe.each(table)`. */
function rootOf(node: Node): string {
  if (node.type === 'Identifier') return node.name
  if (node.type === 'CallExpression') return rootOf(node.callee)
  if (node.type === 'MemberExpression') return rootOf(node.object)
  if (node.type === 'TaggedTemplateExpression') return rootOf(node.tag)
  return ''
}

const timers = ['setTimeout', 'setInterval']

/** Waiting for a time instead of for what must happen: slow when it is long, flaky when it is short. */
export function sleepViolations(sources: Source[], allowed: Record<string, string>): Violation[] {
  return sources.flatMap((source) => {
    if (allowed[source.path] !== undefined) return []
    const found: Violation[] = []
    const report = (offset: number) =>
      found.push({ path: source.path, line: source.lineOf(offset), detail: 'a test waits for a time' })
    for (const { specifier, line } of source.imports) {
      if (/^(?:node:)?timers\/promises$/.test(specifier))
        found.push({ path: source.path, line, detail: 'a test waits for a time' })
    }
    new Visitor({
      CallExpression: ({ callee, start }) => {
        if (callee.type === 'Identifier' && timers.includes(callee.name)) report(start)
        const isAtomics = callee.type === 'MemberExpression' && rootOf(callee.object) === 'Atomics'
        if (isAtomics && callee.property.type === 'Identifier' && callee.property.name === 'wait') report(start)
      },
    }).visit(source.program)
    return found
  })
}
