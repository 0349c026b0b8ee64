import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { closest, distance } from 'fastest-levenshtein'
import { z } from 'zod'
import { type FieldError, invalid, TurboError } from './base/errors.ts'
import { LOG_LEVELS } from './base/log.ts'
import { routesSetting } from './config/routes.ts'

const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `expected a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `expected a whole number from ${min} to ${max}`)

const dollars = z
  .string()
  .regex(/^\d{1,7}(\.\d{1,6})?$/, 'expected dollars, as 2.50')
  .transform(Number)
  .refine((value) => value > 0, 'expected more than 0')

const httpUrl = z.url({ protocol: /^https?$/, error: 'expected an http:// or https:// URL' })

const postgresUrl = z
  .string()
  .regex(
    /^postgres(ql)?:\/\//,
    'expected postgres://user:password@host:5432/database, several hosts separated by commas',
  )

const names = z
  .string()
  .transform((value) => value.split(',').map((name) => name.trim()))
  .transform((list) => list.filter((name) => name !== ''))

/** Every name that may be set, with what it takes. All values arrive as text. */
const settings = z.object({
  DATABASE_URL: postgresUrl.optional(),
  AGENT_TURBO_DATA: z.string().transform(absolute).optional(),
  AGENT_TURBO_CONFIG: z.string().optional(),
  AGENT_TURBO_POOL_MIN: whole(0, 1_000).default(2),
  AGENT_TURBO_POOL_MAX: whole(1, 1_000).default(10),
  AGENT_TURBO_STATEMENT_TIMEOUT_MS: whole(100, 3_600_000).default(30_000),
  AGENT_TURBO_HOST: z
    .string()
    .regex(/^[\w.:%-]+$/, 'expected a host name or an IP address')
    .default('127.0.0.1'),
  AGENT_TURBO_PORT: whole(0, 65_535).default(8780),
  AGENT_TURBO_ALLOWED_HOSTS: names.transform((hosts) => hosts.map((host) => host.toLowerCase())).default([]),
  AGENT_TURBO_RATE_LIMIT: whole(0, 100_000_000).default(6_000),
  AGENT_TURBO_EMBEDDER: z.enum(['builtin', 'service', 'openai', 'ollama', 'tei', 'onnx']).optional(),
  AGENT_TURBO_EMBEDDER_URL: httpUrl.optional(),
  AGENT_TURBO_EMBEDDER_MODEL: z.string().max(500).optional(),
  AGENT_TURBO_EMBEDDER_KEY: z.string().max(10_000).optional(),
  AGENT_TURBO_EMBEDDER_THREADS: whole(1, 256).optional(),
  AGENT_TURBO_URL: httpUrl.optional(),
  AGENT_TURBO_API_KEY: z.string().max(10_000).optional(),
  AGENT_TURBO_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  AGENT_TURBO_WORKER_CONCURRENCY: whole(1, 64).optional(),
  MAX_CONCURRENT_AGENTS: whole(1, 64).optional(),
  AGENT_TURBO_WORKER_CAPABILITIES: names.default([]),
  AGENT_TURBO_LEASE_SECONDS: whole(5, 86_400).default(60),
  AGENT_TURBO_BUDGET_ATTEMPT_USD: dollars.optional(),
  AGENT_TURBO_BUDGET_TASK_USD: dollars.optional(),
  AGENT_TURBO_BUDGET_SESSION_USD: dollars.optional(),
  AGENT_TURBO_BUDGET_DAY_USD: dollars.optional(),
  AGENT_TURBO_ROUTES: routesSetting.prefault('{}'),
  CLAUDE_CLI_PATH: z.string().optional(),
})

/** A name that may be set in the environment, in the config file or by a flag. */
export type SettingName = keyof z.input<typeof settings>

const SETTING_NAMES = Object.keys(settings.shape) as SettingName[]

/** Never shown in a message; may be given as `NAME_FILE`, the path of a file that holds the value. */
const SECRETS: readonly SettingName[] = ['DATABASE_URL', 'AGENT_TURBO_EMBEDDER_KEY', 'AGENT_TURBO_API_KEY']
const FILE_SUFFIX = '_FILE'
const KNOWN_NAMES: readonly string[] = [...SETTING_NAMES, ...SECRETS.map((name) => name + FILE_SUFFIX)]

const OWN_PREFIX = 'AGENT_TURBO_'
/** Names further apart than this are not a slip of the fingers, and no suggestion is made. */
const SUGGESTION_DISTANCE_MAX = 8
const VALUE_SHOWN_CHARS_MAX = 80
const FILE_BYTES_MAX = 1_000_000

export type Config = ReturnType<typeof arrange>

export interface ConfigSources {
  /** Default `process.env`. Empty values count as absent. */
  env?: Record<string, string | undefined>
  /** Values given on the command line under their setting's name; they win over everything. */
  flags?: Partial<Record<SettingName, string | number | undefined>>
  /** Path of the config file; default `AGENT_TURBO_CONFIG`, else `config.json` in the data folder where there is one. */
  file?: string
}

/**
 * The whole configuration, resolved and checked: flags win over the environment, the environment over the file.
 *
 * @throws TurboError `invalid_input` listing every name that is unknown or has a wrong value, and what was expected.
 */
export function loadConfig({ env = process.env, flags = {}, file }: ConfigSources = {}): Config {
  const errors: FieldError[] = []
  const own = (name: string) => name.startsWith(OWN_PREFIX)
  const fromEnv = withSecretFiles(known(presentIn(env), 'the environment', errors, own), errors)
  const given = { ...fromEnv, ...presentIn(flags) }
  const dataDir = absolute(given.AGENT_TURBO_DATA ?? join(homedir(), '.agent-turbo', 'data'))
  const inFile = readConfigFile(file ?? given.AGENT_TURBO_CONFIG, dataDir)
  const fromFile = withSecretFiles(
    known(inFile, 'the config file', errors, () => true),
    errors,
  )
  const raw: RawSettings = { ...fromFile, ...given }
  const parsed = settings.safeParse(raw)
  for (const issue of parsed.error?.issues ?? []) errors.push(describe(issue, raw))
  if (parsed.data && parsed.data.AGENT_TURBO_POOL_MIN > parsed.data.AGENT_TURBO_POOL_MAX) {
    errors.push({ pointer: '/AGENT_TURBO_POOL_MIN', detail: 'must not be above AGENT_TURBO_POOL_MAX' })
  }
  if (parsed.data) errors.push(...budgetErrors(parsed.data))
  if (errors.length > 0 || parsed.data === undefined) throw refusal(errors)
  return arrange(parsed.data, dataDir, env)
}

/** What a run may cost has to be known to be set aside, and to fit into what all may. */
function budgetErrors(s: z.output<typeof settings>): FieldError[] {
  const attempt = s.AGENT_TURBO_BUDGET_ATTEMPT_USD
  const larger = [
    'AGENT_TURBO_BUDGET_TASK_USD',
    'AGENT_TURBO_BUDGET_SESSION_USD',
    'AGENT_TURBO_BUDGET_DAY_USD',
  ] as const
  return larger.flatMap((name) => {
    const limit = s[name]
    if (limit === undefined) return []
    if (attempt === undefined) return [{ pointer: `/${name}`, detail: 'needs AGENT_TURBO_BUDGET_ATTEMPT_USD too' }]
    if (attempt <= limit) return []
    return [{ pointer: `/${name}`, detail: `must not be below AGENT_TURBO_BUDGET_ATTEMPT_USD, received ${limit}` }]
  })
}

function arrange(
  s: z.output<typeof settings>,
  dataDir: string,
  environment: Readonly<Record<string, string | undefined>>,
) {
  return {
    /** The server when `url` is set, else the embedded store in `dataDir`. */
    database: {
      url: s.DATABASE_URL,
      dataDir: s.AGENT_TURBO_DATA ?? dataDir,
      poolMin: s.AGENT_TURBO_POOL_MIN,
      poolMax: s.AGENT_TURBO_POOL_MAX,
      statementTimeoutMs: s.AGENT_TURBO_STATEMENT_TIMEOUT_MS,
    },
    http: {
      host: s.AGENT_TURBO_HOST,
      /** 0 lets the system choose a free one. */
      port: s.AGENT_TURBO_PORT,
      /** Host names, beside the loopback's own, under which a proxy reaches this server; callers on it need keys then. */
      allowedHosts: s.AGENT_TURBO_ALLOWED_HOSTS,
      /** Requests a minute and API key; 0 lifts the limit. */
      rateLimitPerMinute: s.AGENT_TURBO_RATE_LIMIT,
    },
    embedder: {
      kind: s.AGENT_TURBO_EMBEDDER,
      url: s.AGENT_TURBO_EMBEDDER_URL,
      model: s.AGENT_TURBO_EMBEDDER_MODEL,
      apiKey: s.AGENT_TURBO_EMBEDDER_KEY,
      threads: s.AGENT_TURBO_EMBEDDER_THREADS,
    },
    /** The server that the command line and other clients talk to. */
    client: { url: s.AGENT_TURBO_URL, apiKey: s.AGENT_TURBO_API_KEY },
    log: { level: s.AGENT_TURBO_LOG_LEVEL },
    worker: {
      concurrency: s.AGENT_TURBO_WORKER_CONCURRENCY ?? s.MAX_CONCURRENT_AGENTS,
      /** What tasks may ask for beside platform and role. */
      capabilities: s.AGENT_TURBO_WORKER_CAPABILITIES,
      leaseSeconds: s.AGENT_TURBO_LEASE_SECONDS,
      /** What tasks are run with that do not say it, by `task_type`. */
      routes: s.AGENT_TURBO_ROUTES,
      /** In dollars; each is absent where nothing limits it. */
      budgets: {
        attemptUsd: s.AGENT_TURBO_BUDGET_ATTEMPT_USD,
        taskUsd: s.AGENT_TURBO_BUDGET_TASK_USD,
        sessionUsd: s.AGENT_TURBO_BUDGET_SESSION_USD,
        dayUsd: s.AGENT_TURBO_BUDGET_DAY_USD,
      },
      /** Paths of programs that are not on the PATH, by platform. */
      programs: (s.CLAUDE_CLI_PATH === undefined ? {} : { claude_code: s.CLAUDE_CLI_PATH }) as Record<string, string>,
      /** What workers keep on this host: results of one store must not be offered to another. */
      folder: join(s.AGENT_TURBO_DATA ?? dataDir, 'worker', storeKey(s.DATABASE_URL)),
      /** Of which each program is given what it may see. */
      environment,
    },
  }
}

/** Names a store by its hosts and its database: a new password, and another user, find the same one. */
function storeKey(url: string | undefined): string {
  if (url === undefined) return 'embedded'
  const place = url.replace(/^\w+:\/\/(?:[^@/]*@)?/, '').replace(/\?.*$/, '')
  return createHash('sha256').update(place).digest('hex').slice(0, 12)
}

type RawSettings = Record<string, string>

function presentIn(values: Record<string, unknown>): RawSettings {
  const present = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '')
  return Object.fromEntries(present.map(([name, value]) => [name, textOf(value)]))
}

/** What the config file holds as JSON becomes the text that it is elsewhere; a list is one of names. */
function textOf(value: unknown): string {
  return typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value) : String(value)
}

/** Keeps the settings among `values`; reports the names that are `ours` and yet unknown. */
function known(values: RawSettings, where: string, errors: FieldError[], ours: (name: string) => boolean): RawSettings {
  const unknown = Object.keys(values).filter((name) => !KNOWN_NAMES.includes(name) && ours(name))
  for (const name of unknown) {
    const nearest = closest(name, KNOWN_NAMES)
    const hint = distance(name, nearest) <= SUGGESTION_DISTANCE_MAX ? `; did you mean ${nearest}?` : ''
    errors.push({ pointer: `/${name}`, detail: `unknown name in ${where}${hint}` })
  }
  return Object.fromEntries(Object.entries(values).filter(([name]) => KNOWN_NAMES.includes(name)))
}

function readConfigFile(path: string | undefined, dataDir: string): RawSettings {
  const chosen = path === undefined ? join(dataDir, 'config.json') : absolute(path)
  let content: string
  try {
    content = readFileSync(chosen, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    // The default file need not exist; one that was named must.
    if (path === undefined && (code === 'ENOENT' || code === 'ENOTDIR')) return {}
    throw invalid('/AGENT_TURBO_CONFIG', `the file ${chosen} cannot be read (${code})`)
  }
  const values = content.length <= FILE_BYTES_MAX ? parseObject(content) : null
  if (values === null)
    throw invalid('/AGENT_TURBO_CONFIG', `${chosen} must hold one JSON object of settings, at most 1 MB`)
  return presentIn(values)
}

function parseObject(content: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(content)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    // The caller's message says what the file must hold; the parser's would quote it, secrets included.
    return null
  }
}

function withSecretFiles(raw: RawSettings, errors: FieldError[]): RawSettings {
  const resolved = { ...raw }
  for (const name of SECRETS) {
    const path = raw[name + FILE_SUFFIX]
    if (path === undefined) continue
    if (raw[name] !== undefined) {
      errors.push({ pointer: `/${name}`, detail: `set either ${name} or ${name}${FILE_SUFFIX}, not both` })
      continue
    }
    try {
      resolved[name] = readFileSync(absolute(path), 'utf8').trim()
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code
      errors.push({ pointer: `/${name}${FILE_SUFFIX}`, detail: `the file ${path} cannot be read (${code})` })
    }
  }
  return resolved
}

function describe(issue: z.core.$ZodIssue, raw: RawSettings): FieldError {
  const name = String(issue.path[0])
  const value = JSON.stringify((raw[name] ?? '').slice(0, VALUE_SHOWN_CHARS_MAX))
  const pointer = `/${issue.path.join('/')}`
  // Its path says where it stands in the text.
  if (issue.path.length > 1) return { pointer, detail: issue.message }
  const received = (SECRETS as string[]).includes(name) ? 'a value that is not shown' : value
  return { pointer, detail: `${issue.message}, received ${received}` }
}

function refusal(errors: FieldError[]): TurboError {
  const list = errors.map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`).join('\n  ')
  return new TurboError('invalid_input', `the configuration is wrong:\n  ${list}`, {
    errors,
    next: 'Correct these names in the environment, the config file or the flags, and start again.',
  })
}

function absolute(path: string): string {
  return resolve(path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path)
}
