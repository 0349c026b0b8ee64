import { expect, test } from 'vitest'
import { globalViolations, packageViolations } from './packages.ts'
import { parse, readSources, show } from './source.ts'

const src = readSources('src')

test('each package is used only where it belongs', () => {
  expect(show(packageViolations(src))).toEqual([])
})

test('the environment, the terminal and the end of the process have one place', () => {
  expect(show(globalViolations(src))).toEqual([])
})

test.each([
  ['src/http/a.ts', `import pg from 'pg'`, 'pg may be imported only in src/db and queries.ts files'],
  [
    'src/knowledge/add.ts',
    `import { sql } from 'drizzle-orm'`,
    'drizzle-orm may be imported only in src/db and queries.ts files',
  ],
  [
    'src/cli/a.ts',
    `import type { X } from 'drizzle-orm/pg-core'`,
    'drizzle-orm may be imported only in src/db and queries.ts files',
  ],
  [
    'src/access/a.ts',
    `import { LRUCache } from 'lru-cache'`,
    'lru-cache may be imported only in src/knowledge and src/orchestrator/landing',
  ],
  ['src/operations/a.ts', `await import('hono/html')`, 'hono may be imported only in src/http'],
  ['src/http/a.ts', `type X = import('execa').Options`, 'execa may be imported only in src/worker'],
])('%s with «%s» is refused', (path, text, detail) => {
  expect(show(packageViolations([parse(path, text)]))).toEqual([`${path}:1 ${detail}`])
})

test.each([
  ['src/db/deep/a.ts', `import pg from 'pg'`],
  ['src/access/queries.ts', `import { sql } from 'drizzle-orm'`],
  ['src/knowledge/scope-queries.ts', `import { sql } from 'drizzle-orm'`],
])('%s with «%s» is allowed', (path, text) => {
  expect(show(packageViolations([parse(path, text)]))).toEqual([])
})

test.each([
  ['process.env.HOME', 'process.env may be used only in src/config.ts'],
  ["process['env']", 'process.env may be used only in src/config.ts'],
  ['const { env } = process', 'process.env may be used only in src/config.ts'],
  ["import { env } from 'node:process'", 'process.env may be used only in src/config.ts'],
  ['process.exit(1)', 'process.exit may be used only in src/cli'],
  ["console.log('x')", 'console may be used only in src/cli'],
])('«%s» in a domain module is refused', (text, detail) => {
  expect(show(globalViolations([parse('src/knowledge/a.ts', text)]))).toEqual([`src/knowledge/a.ts:1 ${detail}`])
})

test('what belongs to a place is allowed there, and a mention is no use', () => {
  expect(globalViolations([parse('src/config.ts', 'process.env.HOME')])).toEqual([])
  expect(globalViolations([parse('src/cli/a.ts', 'console.error(1); process.exit(2)')])).toEqual([])
  expect(globalViolations([parse('src/db/a.ts', '// process.env\nprocess.pid; log("console.log")')])).toEqual([])
})
