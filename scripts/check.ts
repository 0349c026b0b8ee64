/**
 * `npm run check [step…]`: everything a change must pass, or the named steps. One line a step, its output only when it
 * fails; the exit code is 1 when any failed.
 */
import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pc from 'picocolors'

const repository = fileURLToPath(new URL('..', import.meta.url))
const binaries = join(repository, 'node_modules', '.bin')

const steps: [name: string, command: string][] = [
  ['format', 'biome format --error-on-warnings'],
  ['lint', 'biome check --formatter-enabled=false --error-on-warnings'],
  ['types', 'tsc --noEmit -p .'],
  ['layers', 'vitest run --project unit --reporter=dot test/tidy'],
  ['schema', 'npm run --silent db:check'],
  ['dead code', 'knip --no-progress'],
  ['tests', 'npm test --silent -- --reporter=dot'],
]

const wanted = process.argv.slice(2)
const unknown = wanted.filter((word) => !steps.some(([name]) => name === word))
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(', ')}; there are ${steps.map(([name]) => name).join(', ')}`)
  process.exit(2)
}

let failed = 0
for (const [name, command] of steps.filter(([each]) => wanted.length === 0 || wanted.includes(each))) {
  const startedAt = performance.now()
  const { status, stdout, stderr } = spawnSync(command, {
    cwd: repository,
    shell: true,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    env: { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH ?? ''}` },
  })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const word = status === 0 ? pc.green('ok  ') : pc.red('FAIL')
  console.log(`${word} ${name.padEnd(10)} ${seconds.padStart(6)} s`)
  if (status === 0) continue
  failed += 1
  console.log(`     ${command}\n${stdout}${stderr}`)
}
process.exitCode = failed === 0 ? 0 : 1
