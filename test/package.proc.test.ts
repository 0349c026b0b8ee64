import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VERSION } from '../src/base/version.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))
/** What the package is made of; the rest of the repository must not be needed to build it. */
const ingredients = [
  'src',
  'drizzle',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
]
const installMs = 300_000

const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-package-'))
const home = join(folder, 'home')
const copy = join(folder, 'copy')
const isSetting = (name: string) => /^(?:AGENT_TURBO_|DATABASE_URL)/.test(name)
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !isSetting(name))),
  AGENT_TURBO_DATA: join(folder, 'data'),
  ONNXRUNTIME_NODE_INSTALL: 'skip',
}
let packed: string[] = []

async function run(cwd: string, program: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

const agentTurbo = (...args: string[]) => run(home, join(home, 'node_modules', '.bin', 'agent-turbo'), ...args)

beforeAll(async () => {
  mkdirSync(home)
  for (const name of ingredients) cpSync(join(repository, name), join(copy, name), { recursive: true })
  symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'))
  const [tarball] = JSON.parse(await run(copy, 'npm', 'pack', '--json', '--silent', '--pack-destination', folder))
  packed = tarball.files.map(({ path }: { path: string }) => path)
  writeFileSync(join(home, 'package.json'), '{"private": true, "type": "module"}')
  await run(home, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, tarball.filename))
}, installMs)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the package holds what runs, and nothing else', () => {
  expect(packed).toEqual(expect.arrayContaining(['dist/cli/main.js', 'dist/index.d.ts', 'drizzle/meta/_journal.json']))
  const allowed =
    /^(?:dist\/.*\.(?:js|d\.ts)|drizzle\/[\w-]+\.sql|drizzle\/meta\/_journal\.json|[A-Z]+(?:\.md)?|package\.json)$/
  expect(packed.filter((path) => !allowed.test(path))).toEqual([])
})

test('the binary of a clone can be run without being installed', () => {
  expect(statSync(join(copy, 'dist/cli/main.js')).mode & 0o111).toBe(0o111)
})

test('the installed binary tells its version', async () => {
  expect((await agentTurbo('--version')).trim()).toBe(VERSION)
})

test('the installed binary finds what it stored', async () => {
  const added = JSON.parse(await agentTurbo('add', 'The pool holds ten connections', '--json'))
  expect(added).toMatchObject({ status: 'created' })
  const answer = JSON.parse(await agentTurbo('query', 'connections of the pool', '--json'))
  expect(answer.results).toEqual([expect.objectContaining({ id: added.id, content: 'The pool holds ten connections' })])
})

test('the library and the client are importable', async () => {
  const script = `
    const { createTurbo } = await import('agent-turbo')
    const { createClient } = await import('agent-turbo/client')
    process.stdout.write([typeof createTurbo, typeof createClient].join())`
  expect(await run(home, process.execPath, '--input-type=module', '--eval', script)).toBe('function,function')
})
