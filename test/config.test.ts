import { mkdtempSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isTurboError } from '../src/base/errors.ts'
import { type ConfigSources, loadConfig } from '../src/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-config-'))

function fileOf(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** Sources that see nothing of this machine. */
function load(sources: ConfigSources) {
  return loadConfig({ ...sources, env: { AGENT_TURBO_DATA: folder, ...sources.env } })
}

function refusalOf(sources: ConfigSources) {
  try {
    load(sources)
  } catch (error) {
    if (isTurboError(error, 'invalid_input')) return error
    throw error
  }
  throw new Error('the configuration was accepted')
}

test('nothing set: the embedded store on the default address', () => {
  const config = loadConfig({ env: {}, file: fileOf('empty.json', '{}') })
  expect(config.database).toMatchObject({
    url: undefined,
    dataDir: join(homedir(), '.agent-turbo', 'data'),
    poolMin: 2,
    poolMax: 10,
  })
  expect(config.http).toEqual({ host: '127.0.0.1', port: 8780, allowedHosts: [], rateLimitPerMinute: 6000 })
  expect(config.embedder.kind).toBeUndefined()
  expect(config.worker.leaseSeconds).toBe(60)
})

test('flags win over the environment, the environment over the file', () => {
  const file = fileOf(
    'order.json',
    '{"AGENT_TURBO_PORT": 1, "AGENT_TURBO_HOST": "::1", "AGENT_TURBO_LEASE_SECONDS": 30}',
  )
  const config = load({
    file,
    env: { AGENT_TURBO_PORT: '2', AGENT_TURBO_HOST: 'localhost' },
    flags: { AGENT_TURBO_PORT: 3 },
  })
  expect([config.http.port, config.http.host, config.worker.leaseSeconds]).toEqual([3, 'localhost', 30])
})

test('an empty value counts as absent', () => {
  expect(load({ env: { DATABASE_URL: '', AGENT_TURBO_PORT: '' } }).http.port).toBe(8780)
})

test('the config file in the data folder is read without being named', () => {
  const data = mkdtempSync(join(tmpdir(), 'agent-turbo-data-'))
  writeFileSync(
    join(data, 'config.json'),
    '{"AGENT_TURBO_PORT": 9001, "AGENT_TURBO_ALLOWED_HOSTS": ["A.example", "b.example"]}',
  )
  const { http } = loadConfig({ env: { AGENT_TURBO_DATA: data } })
  expect(http).toMatchObject({ port: 9001, allowedHosts: ['a.example', 'b.example'] })
})

test('an unknown name is refused with the nearest known one', () => {
  const error = refusalOf({ env: { AGENT_TURBO_PROT: '1', AGENT_TURBO_EMBEDER: 'tei', OTHER_PROGRAM: 'x' } })
  expect(error.errors).toEqual([
    { pointer: '/AGENT_TURBO_PROT', detail: 'unknown name in the environment; did you mean AGENT_TURBO_PORT?' },
    { pointer: '/AGENT_TURBO_EMBEDER', detail: 'unknown name in the environment; did you mean AGENT_TURBO_EMBEDDER?' },
  ])
  expect(refusalOf({ file: fileOf('typo.json', '{"port": 1}') }).message).toContain(
    'port: unknown name in the config file',
  )
})

test('every wrong value is listed with what was expected and received', () => {
  const error = refusalOf({
    env: {
      AGENT_TURBO_PORT: '70000',
      AGENT_TURBO_EMBEDDER: 'magic',
      AGENT_TURBO_URL: 'ftp://x',
      AGENT_TURBO_POOL_MIN: '-1',
    },
  })
  expect(error.errors?.map((wrong) => wrong.pointer).sort()).toEqual([
    '/AGENT_TURBO_EMBEDDER',
    '/AGENT_TURBO_POOL_MIN',
    '/AGENT_TURBO_PORT',
    '/AGENT_TURBO_URL',
  ])
  expect(error.message).toContain('expected a whole number from 0 to 65535, received "70000"')
  expect(refusalOf({ env: { AGENT_TURBO_POOL_MIN: '9', AGENT_TURBO_POOL_MAX: '3' } }).message).toContain(
    'AGENT_TURBO_POOL_MAX',
  )
})

test('a secret is never shown, whatever is wrong', () => {
  const error = refusalOf({ env: { DATABASE_URL: 'mysql://root:hunter2@db', AGENT_TURBO_PORT: 'x' } })
  expect(JSON.stringify([error.message, error.errors])).not.toContain('hunter2')
  expect(refusalOf({ file: fileOf('broken.json', '{"AGENT_TURBO_API_KEY": "hunter2"') }).message).not.toContain(
    'hunter2',
  )
})

test('a secret may lie in a file', () => {
  const path = fileOf('url.txt', 'postgres://u:p@h1:5432,h2:5433/db?target_session_attrs=read-write\n')
  expect(load({ env: { DATABASE_URL_FILE: path } }).database.url).toBe(
    'postgres://u:p@h1:5432,h2:5433/db?target_session_attrs=read-write',
  )
  expect(load({ env: { DATABASE_URL_FILE: path }, flags: { DATABASE_URL: 'postgres://flag/db' } }).database.url).toBe(
    'postgres://flag/db',
  )
  expect(refusalOf({ env: { DATABASE_URL_FILE: path, DATABASE_URL: 'postgres://x/y' } }).message).toContain('not both')
  expect(refusalOf({ env: { AGENT_TURBO_API_KEY_FILE: join(folder, 'absent') } }).message).toContain(
    'cannot be read (ENOENT)',
  )
})

test('a named config file must exist and hold an object', () => {
  expect(refusalOf({ env: { AGENT_TURBO_CONFIG: join(folder, 'absent.json') } }).message).toContain(
    'cannot be read (ENOENT)',
  )
  expect(refusalOf({ file: fileOf('list.json', '[]') }).message).toContain('one JSON object')
})

test('routes are an object in the file and JSON elsewhere; what is wrong is named by its path', () => {
  const review = { platform: 'codex', model: 'gpt-5', effort: 'high', tools: ['Read'], turns_max: 9, budget_usd: 0.5 }
  const file = fileOf('routes.json', JSON.stringify({ AGENT_TURBO_ROUTES: { review } }))
  expect(load({ file }).worker.routes).toEqual({ review })
  expect(load({ env: { AGENT_TURBO_ROUTES: JSON.stringify({ review }) } }).worker.routes).toEqual({ review })
  expect(load({}).worker.routes).toEqual({})
  const wrong = { review: { ...review, platform: 'claude', turns_max: 0 }, docs: { modle: 'x' } }
  const { errors } = refusalOf({ env: { AGENT_TURBO_ROUTES: JSON.stringify(wrong) } })
  expect(errors?.map(({ pointer }) => pointer)).toEqual([
    '/AGENT_TURBO_ROUTES/review/platform',
    '/AGENT_TURBO_ROUTES/review/turns_max',
    '/AGENT_TURBO_ROUTES/docs',
  ])
  expect(JSON.stringify(errors)).toContain('modle')
  expect(refusalOf({ env: { AGENT_TURBO_ROUTES: 'review=codex' } }).message).toContain('expected a JSON object')
})

test('budgets need to say what a run may cost, which must fit into them', () => {
  const AGENT_TURBO_BUDGET_DAY_USD = '20'
  const budgets = { AGENT_TURBO_BUDGET_ATTEMPT_USD: '2.50', AGENT_TURBO_BUDGET_DAY_USD }
  expect(load({ env: budgets }).worker.budgets).toMatchObject({ attemptUsd: 2.5, dayUsd: 20 })
  expect(refusalOf({ env: { AGENT_TURBO_BUDGET_DAY_USD } }).errors).toEqual([
    { pointer: '/AGENT_TURBO_BUDGET_DAY_USD', detail: 'needs AGENT_TURBO_BUDGET_ATTEMPT_USD too' },
  ])
  expect(refusalOf({ env: { ...budgets, AGENT_TURBO_BUDGET_TASK_USD: '1' } }).message).toContain('must not be below')
  expect(refusalOf({ env: { AGENT_TURBO_BUDGET_ATTEMPT_USD: '-1' } }).message).toContain('expected dollars')
})

test('capabilities of a worker are told by name, as they are written', () => {
  expect(load({ env: { AGENT_TURBO_WORKER_CAPABILITIES: ' GPU, docker,' } }).worker.capabilities).toEqual([
    'GPU',
    'docker',
  ])
  expect(load({}).worker.capabilities).toEqual([])
})

test('the older name of the worker concurrency works, the newer one wins', () => {
  expect(load({ env: { MAX_CONCURRENT_AGENTS: '7' } }).worker.concurrency).toBe(7)
  expect(load({ env: { MAX_CONCURRENT_AGENTS: '7', AGENT_TURBO_WORKER_CONCURRENCY: '2' } }).worker.concurrency).toBe(2)
})
