import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { must } from '../../src/base/assert.ts'
import { createRunners, type Runner } from '../../src/worker/runners/index.ts'
import { type ModelStub, type Reply, startModelStub } from './model-stub.ts'

/** Longest installation: hundreds of megabytes each. */
export const INSTALL_TIMEOUT_MS = 600_000

interface AgentPackage {
  /** With the version its shapes were measured with. */
  spec: string
  /** What the CLI is told of the stub, in its own files. */
  files(url: string): Record<string, string>
  environment(url: string): Record<string, string>
  /** A model that the stub's answers fit. */
  model?: string
}

const PACKAGES: Record<string, AgentPackage> = {
  claude_code: {
    spec: '@anthropic-ai/claude-code@2.1.197',
    files: () => ({}),
    environment: (url) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: 'dummy',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      CLAUDE_CODE_MAX_RETRIES: '0',
    }),
  },
  codex: {
    spec: '@openai/codex@0.169.0',
    files: (url) => ({ '.codex/config.toml': codexConfig(url) }),
    environment: () => ({ CODEX_API_KEY: 'dummy' }),
  },
  gemini: {
    spec: '@google/gemini-cli@0.61.0',
    model: 'gemini-2.5-flash',
    files: () => ({ '.gemini/settings.json': JSON.stringify(GEMINI_SETTINGS) }),
    environment: (url) => ({ GOOGLE_GEMINI_BASE_URL: url, GEMINI_API_KEY: 'dummy' }),
  },
  opencode: {
    spec: 'opencode-ai@1.18.33',
    files: (url) => ({ '.config/opencode/opencode.json': JSON.stringify(opencodeConfig(url)) }),
    environment: () => ({}),
  },
}

/** Without analytics it ends at once, and without retries a failure is told as it happens. */
const codexConfig = (url: string) => `
model = "gpt-5"
model_provider = "stub"
check_for_update_on_startup = false
[analytics]
enabled = false
[features]
unbounded_connection_retries = false
[model_providers.stub]
name = "stub"
base_url = "${url}/v1"
wire_api = "responses"
env_key = "CODEX_API_KEY"
request_max_retries = 0
stream_max_retries = 0
`

const GEMINI_SETTINGS = {
  security: { auth: { selectedType: 'gemini-api-key' } },
  privacy: { usageStatisticsEnabled: false },
  general: { enableAutoUpdate: false, enableAutoUpdateNotification: false, maxAttempts: 1, retryFetchErrors: false },
}

const opencodeConfig = (url: string) => ({
  ...{ autoupdate: false, share: 'disabled', model: 'stub/m1', small_model: 'stub/m1', enabled_providers: ['stub'] },
  provider: {
    stub: {
      npm: '@ai-sdk/openai-compatible',
      name: 'stub',
      options: { baseURL: `${url}/v1`, apiKey: 'dummy' },
      models: { m1: { name: 'm1', limit: { context: 100_000, output: 4_000 } } },
    },
  },
})

/**
 * The path of a real CLI, installed from the npm registry into a cache of its own at the first call. None of them is a
 * dependency: they are large, and not ours to distribute.
 */
export async function installAgent(runner: Runner): Promise<string> {
  const { spec } = packageOf(runner)
  const folder = resolve('node_modules/.cache/agent-turbo/agent-clis', spec.replace(/\W+/g, '-'))
  const program = join(folder, 'node_modules/.bin', runner.command)
  const done = join(folder, 'installed')
  if (existsSync(done)) return program
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', spec], { cwd: folder })
  writeFileSync(done, '')
  return program
}

function packageOf({ platform }: Runner): AgentPackage {
  return must(PACKAGES[platform], `a package for ${platform}`)
}

/** A home of its own, and a model's provider that answers as told. */
export interface Scene {
  stub: ModelStub
  /** The worker's environment. Holds secrets that no agent may see. */
  environment: Record<string, string>
  cwd: string
  model: string | undefined
  stop(): Promise<void>
}

/** Names planted in the environment of each scene, which must not reach the agent. */
export const PLANTED_SECRETS = ['DATABASE_URL', 'PGPASSWORD', 'AGENT_TURBO_API_KEY', 'CLAUDECODE', 'SOME_TOKEN']

export async function setScene(runner: Runner, ...replies: [Reply, ...Reply[]]): Promise<Scene> {
  const { files, environment, model } = packageOf(runner)
  const stub = await startModelStub(...replies)
  const home = mkdtempSync(join(tmpdir(), 'agent-turbo-home-'))
  for (const [name, text] of Object.entries(files(stub.url))) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), text)
  }
  const cwd = join(home, 'work')
  mkdirSync(cwd)
  const secrets = Object.fromEntries(PLANTED_SECRETS.map((name) => [name, 'planted-secret']))
  return {
    stub,
    cwd,
    model,
    environment: { PATH: process.env.PATH ?? '', HOME: home, ...secrets, ...environment(stub.url) },
    async stop() {
      await stub.stop()
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

const runners = createRunners({ shell: true })

export function runnerOf(platform: string): Runner {
  return must(runners.get(platform), `a runner for ${platform}`)
}
