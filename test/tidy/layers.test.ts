import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cycles, danglingImports, unreachable } from './graph.ts'
import { layerViolations } from './layers.ts'
import { parse, readSources, repository, show } from './source.ts'

const src = readSources('src')

test('every module imports only what lies below it, through its door', () => {
  expect(src.length).toBeGreaterThan(50)
  expect(show(layerViolations(src))).toEqual([])
})

test.each([
  ['src/base/a.ts', `import { x } from '../db/index.ts'`, 'base must not import db'],
  ['src/base/a.ts', `import type { X } from '../db/index.ts'`, 'base must not import db'],
  ['src/db/a.ts', `export * from '../config.ts'`, 'db must not import config'],
  ['src/knowledge/a/b.ts', `import { x } from '../../access/index.ts'`, 'knowledge must not import access'],
  ['src/planner/a.ts', `type X = import('../worker/index.ts').X`, 'planner must not import worker'],
  ['src/turbo.ts', `await import('./http/index.ts')`, 'turbo must not import http'],
  ['src/http/a.ts', `import { x } from '../client/index.ts'`, 'http must not import client'],
  [
    'src/access/a.ts',
    `import { x } from '../db/postgres.ts'`,
    'db is entered through index.ts or executor.ts or data-lock.ts',
  ],
  ['src/operations/a.ts', `import { x } from '../knowledge/types.ts'`, 'knowledge is entered through index.ts'],
  [
    'src/client/a.ts',
    `import { x, type Y } from '../operations/index.ts'`,
    'client may import only types from operations',
  ],
  ['src/cli/a.ts', `import x from '../../package.json'`, 'src must not import package.json'],
  ['src/odd/a.ts', `import { x } from '../base/a.ts'`, 'odd is not in the table of layers'],
  ['src/cli/a.ts', `import { x } from '../odd/a.ts'`, 'odd is not in the table of layers'],
])('%s with «%s» is refused', (path, text, detail) => {
  expect(show(layerViolations([parse(path, text)]))).toEqual([`${path}:1 ${detail}`])
})

test.each([
  ['src/db/a.ts', `import { x } from '../base/deep/a.ts'`],
  ['src/knowledge/a.ts', `import type { Executor } from '../db/executor.ts'; import { x } from './store/deep.ts'`],
  ['src/turbo.ts', `import { x } from './config.ts'; import { y } from './access/index.ts'`],
  ['src/client/a.ts', `import { x } from '../base/errors.ts'; import type { Y } from '../operations/index.ts'`],
  ['src/cli/serve.ts', `import { x } from '../http/index.ts'; import y from 'commander'`],
])('%s with «%s» is allowed', (path, text) => {
  expect(show(layerViolations([parse(path, text)]))).toEqual([])
})

test('no files import each other in a ring', () => {
  expect(cycles(src)).toEqual([])
  const ring = [
    parse('src/a/x.ts', `import './y.ts'`),
    parse('src/a/y.ts', `export type { Z } from './z.ts'`),
    parse('src/a/z.ts', `type X = import('./x.ts').X`),
  ]
  expect(cycles(ring)).toEqual(['src/a/x.ts -> src/a/y.ts -> src/a/z.ts -> src/a/x.ts'])
})

test('every import names a file that is there', () => {
  expect(danglingImports(src, (path) => existsSync(`${repository}/${path}`))).toEqual([])
  const lost = [parse('src/a/x.ts', `startThread(import.meta.url, './gone-thread')`)]
  expect(danglingImports(lost, () => false)).toEqual(['src/a/x.ts:1 there is no src/a/gone-thread.ts'])
})

test('every file is reached from the library, the client, the binary or the schema', () => {
  const { bin, exports } = JSON.parse(readFileSync(`${repository}/package.json`, 'utf8'))
  const built = [...Object.values(bin), ...Object.values<{ default: string }>(exports).map((entry) => entry.default)]
  const published = built.map((path) =>
    String(path)
      .replace(/^(\.\/)?dist/, 'src')
      .replace(/js$/, 'ts'),
  )
  // Read by drizzle-kit to write migrations.
  const schema = src.map(({ path }) => path).filter((path) => path.startsWith('src/db/schema/'))
  expect(published.filter((path) => !existsSync(`${repository}/${path}`))).toEqual([])
  expect(unreachable(src, [...published, ...schema])).toEqual([])

  const island = [
    parse('src/a/x.ts', `startThread(import.meta.url, './y')`),
    parse('src/a/y.ts', ''),
    parse('src/a/z.ts', ''),
  ]
  expect(unreachable(island, ['src/a/x.ts'])).toEqual(['src/a/z.ts'])
})
