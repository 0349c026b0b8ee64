import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ParseResult, parseSync, Visitor } from 'oxc-parser'
import { globSync } from 'tinyglobby'

export const repository = fileURLToPath(new URL('../..', import.meta.url))

/** One file of the repository, parsed. */
export interface Source {
  /** From the root of the repository, with `/`. */
  path: string
  text: string
  lines: number
  program: ParseResult['program']
  comments: ParseResult['comments']
  imports: Import[]
  /** The 1-based line of an offset in `text`. */
  lineOf(offset: number): number
}

/** One place that names another module: an import, a re-export, a dynamic import, an `import('…')` type, a thread. */
export interface Import {
  specifier: string
  /** The file of this repository that `specifier` means; null for a package. */
  target: string | null
  typeOnly: boolean
  line: number
}

/** One breach of a house rule. */
export interface Violation {
  path: string
  line: number
  detail: string
}

/** As an editor jumps to it: `src/a.ts:3 what is wrong`. */
export function show(violations: Violation[]): string[] {
  return violations.map(({ path, line, detail }) => `${path}:${line} ${detail}`)
}

/** All TypeScript files below the given folders of the repository. */
export function readSources(...folders: string[]): Source[] {
  const patterns = folders.map((folder) => `${folder}/**/*.ts`)
  return globSync(patterns, { cwd: repository })
    .sort()
    .map((path) => parse(path, readFileSync(`${repository}/${path}`, 'utf8')))
}

/** @throws Error when `text` is no TypeScript: a rule must not pass because it saw nothing */
export function parse(path: string, text: string): Source {
  const { program, module, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path} cannot be parsed: ${errors[0]?.message}`)
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
  const lineOf = (offset: number) => starts.findLastIndex((start) => start <= offset) + 1
  const imports: Import[] = []
  const add = (specifier: string, offset: number, typeOnly: boolean) =>
    imports.push({ specifier, target: targetOf(path, specifier), typeOnly, line: lineOf(offset) })
  for (const { start, moduleRequest, entries } of module.staticImports) {
    add(moduleRequest.value, start, entries.length > 0 && entries.every(({ isType }) => isType))
  }
  for (const { start, entries } of module.staticExports) {
    const requested = entries.find(({ moduleRequest }) => moduleRequest !== null)?.moduleRequest
    if (requested)
      add(
        requested.value,
        start,
        entries.every(({ isType }) => isType),
      )
  }
  new Visitor({
    ImportExpression: ({ source, start }) => {
      if (source.type === 'Literal' && typeof source.value === 'string') add(source.value, start, false)
    },
    TSImportType: ({ source, start }) => add(source.value, start, true),
    CallExpression: ({ callee, arguments: [, name], start }) => {
      const isThread = callee.type === 'Identifier' && callee.name === 'startThread'
      if (isThread && name?.type === 'Literal' && typeof name.value === 'string') add(`${name.value}.ts`, start, false)
    },
  }).visit(program)
  return { path, text, lines: text.replace(/\n$/, '').split('\n').length, program, comments, imports, lineOf }
}

function targetOf(path: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : null
}
