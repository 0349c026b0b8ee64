import { posix } from 'node:path'
import type { Import, Source, Violation } from './source.ts'

/** From the leaf up. A module imports from the rows above its own; modules of one row do not know each other. */
const rows = [
  ['base'],
  ['config', 'db'],
  ['knowledge', 'access', 'orchestrator'],
  ['planner', 'worker'],
  ['turbo'],
  ['operations'],
  ['http', 'mcp', 'client'],
  // The command line starts the server (`serve`) and calls one (every other command).
  ['cli'],
  ['index'],
]

/** Imported anywhere below the row, file by file: it has no inside. */
const leaf = 'base'
/** The index of db loads both engines; its port has types only, and the command line reads the lock to find a server. */
const doors: Record<string, string[]> = { db: ['index.ts', 'executor.ts', 'data-lock.ts'] }
/** Runs in browsers and scripts: what it takes from the server is types, which are gone at run time. */
const typesOnly = ['client', 'web']

/** Breaches of the import rules of ARCHITECTURE.md; imports of types count like any other. */
export function layerViolations(sources: Source[]): Violation[] {
  return sources.flatMap((source) =>
    source.imports.flatMap((imported) => {
      const detail = problemOf(source.path, imported)
      return detail === null ? [] : [{ path: source.path, line: imported.line, detail }]
    }),
  )
}

function problemOf(path: string, { target, typeOnly }: Import): string | null {
  if (target === null) return null
  if (!target.startsWith('src/')) return `src must not import ${target}`
  const from = moduleOf(path)
  const to = moduleOf(target)
  if (from === to) return null
  if (rowOf(from) < 0) return `${from} is not in the table of layers`
  if (rowOf(to) < 0) return `${to} is not in the table of layers`
  if (rowOf(to) >= rowOf(from)) return `${from} must not import ${to}`
  if (typesOnly.includes(from) && to !== leaf && !typeOnly) return `${from} may import only types from ${to}`
  return isDoor(to, target) ? null : `${to} is entered through ${(doors[to] ?? ['index.ts']).join(' or ')}`
}

function isDoor(module: string, target: string): boolean {
  if (module === leaf || target === `src/${module}.ts`) return true
  return (doors[module] ?? ['index.ts']).includes(posix.relative(`src/${module}`, target))
}

/** `src/db/pool.ts` -> `db`, `src/turbo.ts` -> `turbo`. */
function moduleOf(path: string): string {
  return (path.split('/')[1] ?? '').replace(/\.ts$/, '')
}

function rowOf(module: string): number {
  return rows.findIndex((row) => row.includes(module))
}
