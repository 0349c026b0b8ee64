import { Visitor } from 'oxc-parser'
import type { Source, Violation } from './source.ts'

/** Which packages may be imported only where. */
const confined: { packages: string[]; where: RegExp; place: string }[] = [
  {
    packages: ['pg', 'drizzle-orm', '@electric-sql/pglite', '@electric-sql/pglite-pgvector'],
    where: /^src\/db\/|\/(?:[\w-]+-)?queries\.ts$/,
    place: 'src/db and queries.ts files',
  },
  {
    packages: ['lru-cache'],
    where: /^src\/(?:knowledge|orchestrator\/landing)\//,
    place: 'src/knowledge and src/orchestrator/landing',
  },
  { packages: ['hono', '@hono/node-server'], where: /^src\/http\//, place: 'src/http' },
  { packages: ['execa'], where: /^src\/worker\//, place: 'src/worker' },
  { packages: ['commander', 'picocolors', 'cli-table3', 'cli-progress'], where: /^src\/cli\//, place: 'src/cli' },
]

export function packageViolations(sources: Source[]): Violation[] {
  return sources.flatMap(({ path, imports }) =>
    imports.flatMap(({ specifier, line }) => {
      const rule = confined.find(({ packages }) => packages.includes(packageOf(specifier)))
      if (rule === undefined || rule.where.test(path)) return []
      return [{ path, line, detail: `${packageOf(specifier)} may be imported only in ${rule.place}` }]
    }),
  )
}

/** `drizzle-orm/pg-core` -> `drizzle-orm`, `@a/b/c` -> `@a/b`. */
function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

const processModule = /^(?:node:)?process$/
/** What belongs to one place: the environment to the configuration, the terminal and the end of the process to the command line. */
const globals: { name: string; member: string | null; where: RegExp; place: string }[] = [
  { name: 'process', member: 'env', where: /^src\/config\.ts$/, place: 'src/config.ts' },
  { name: 'process', member: 'exit', where: /^src\/cli\//, place: 'src/cli' },
  { name: 'process', member: 'stdout', where: /^src\/cli\//, place: 'src/cli' },
  { name: 'process', member: 'stdin', where: /^src\/cli\//, place: 'src/cli' },
  { name: 'console', member: null, where: /^src\/cli\//, place: 'src/cli' },
]

export function globalViolations(sources: Source[]): Violation[] {
  return sources.flatMap((source) => {
    const found: Violation[] = []
    const report = (offset: number, name: string, member: string | null) => {
      const rule = globals.find((each) => each.name === name && (each.member === null || each.member === member))
      if (rule === undefined || rule.where.test(source.path)) return
      const what = rule.member === null ? name : `${name}.${rule.member}`
      found.push({
        path: source.path,
        line: source.lineOf(offset),
        detail: `${what} may be used only in ${rule.place}`,
      })
    }
    new Visitor({
      MemberExpression: ({ object, property, computed, start }) => {
        if (object.type !== 'Identifier') return
        if (!computed && property.type === 'Identifier') report(start, object.name, property.name)
        if (computed && property.type === 'Literal') report(start, object.name, String(property.value))
      },
      VariableDeclarator: ({ id, init, start }) => {
        if (id.type !== 'ObjectPattern' || init?.type !== 'Identifier') return
        for (const property of id.properties) {
          if (property.type === 'Property' && property.key.type === 'Identifier')
            report(start, init.name, property.key.name)
        }
      },
      ImportSpecifier: ({ imported, start }) => {
        if (imported.type !== 'Identifier') return
        const { specifier } = source.imports.find(({ line }) => line === source.lineOf(start)) ?? { specifier: '' }
        if (processModule.test(specifier)) report(start, 'process', imported.name)
      },
    }).visit(source.program)
    return found
  })
}
