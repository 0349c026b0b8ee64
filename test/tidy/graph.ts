import type { Source } from './source.ts'

/** Rings of files that import each other, types included, each written from its smallest member: `a -> b -> a`. */
export function cycles(sources: Source[]): string[] {
  const edges = new Map(sources.map(({ path, imports }) => [path, imports.flatMap(({ target }) => target ?? [])]))
  const found = new Set<string>()
  const done = new Set<string>()
  const visit = (path: string, trail: string[]) => {
    const at = trail.indexOf(path)
    if (at >= 0) found.add(ring(trail.slice(at)))
    if (at >= 0 || done.has(path)) return
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of edges.keys()) visit(path, [])
  return [...found].sort()
}

function ring(paths: string[]): string {
  const first = paths.indexOf([...paths].sort()[0] ?? '')
  const turned = [...paths.slice(first), ...paths.slice(0, first)]
  return [...turned, turned[0]].join(' -> ')
}

/** The files that no chain of imports reaches from `entries`. */
export function unreachable(sources: Source[], entries: string[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const seen = new Set<string>()
  const pending = [...entries]
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    pending.push(...(byPath.get(path)?.imports.flatMap(({ target }) => target ?? []) ?? []))
  }
  return [...byPath.keys()].filter((path) => !seen.has(path))
}

/** Imports of files that are not there. */
export function danglingImports(sources: Source[], exists: (path: string) => boolean): string[] {
  return sources.flatMap(({ path, imports }) =>
    imports.flatMap(({ target, line }) =>
      target === null || exists(target) ? [] : [`${path}:${line} there is no ${target}`],
    ),
  )
}
