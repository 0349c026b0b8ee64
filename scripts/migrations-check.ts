/**
 * Fails when `src/db/schema` says something that the migrations in `drizzle/` do not: drizzle-kit is asked, in a copy
 * of that folder, for the migration that is missing.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('..', import.meta.url))
const migrations = join(repository, 'drizzle')
const copy = mkdtempSync(join(tmpdir(), 'agent-turbo-migrations-'))

try {
  cpSync(migrations, copy, { recursive: true })
  const options = ['--dialect', 'postgresql', '--schema', './src/db/schema/*.ts', '--casing', 'snake_case']
  const said = execFileSync('drizzle-kit', ['generate', ...options, '--out', relative(repository, copy)], {
    cwd: repository,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const made = readdirSync(copy).filter((name) => !readdirSync(migrations).includes(name))
  const [missing] = made
  if (missing !== undefined) {
    console.error(`src/db/schema has changes without a migration; \`npm run db:generate\` makes this one:\n`)
    console.error(readFileSync(join(copy, missing), 'utf8'))
    process.exitCode = 1
  } else if (!said.includes('No schema changes')) {
    // It also ends with 0 when it refuses to start.
    console.error(`drizzle-kit did not compare the schema:\n${said}`)
    process.exitCode = 1
  }
} finally {
  rmSync(copy, { recursive: true })
}
