import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { runScript } from '../harness/processes.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** How a command line ended. */
export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
  /** Standard output as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  json(): any
}

export interface CliOptions {
  env?: Record<string, string>
  /** Standard input; closed at once when absent. */
  input?: string
  cwd?: string
  /** Told of the process when it runs, e.g. to send it a signal. */
  onStart?: (child: ChildProcess) => void
}

/** What the command line would find in an environment where nothing is set. */
const NOTHING_SET = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith('AGENT_TURBO_') || name === 'DATABASE_URL')
    .map((name) => [name, '']),
)

/** Runs `agent-turbo` with `args` in a process of its own, with one embedder thread. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<Outcome> {
  const { env = {}, input = '', cwd, onStart } = options
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), MAIN, ...args], {
    cwd,
    env: { ...process.env, ...NOTHING_SET, AGENT_TURBO_EMBEDDER_THREADS: '1', NODE_OPTIONS: '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.on('error', () => undefined) // a command that reads no input closes the pipe
  child.stdin.end(input)
  onStart?.(child)
  await once(child, 'close')
  return { code: child.exitCode, stdout, stderr, json: () => JSON.parse(stdout) }
}

/** A running `agent-turbo serve`. */
export interface Served {
  url: string
  process: ChildProcess
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>
  stop(): Promise<void>
}

/** Starts a server on a free port and waits until it says that it is ready. */
export async function serve(env: Record<string, string>, args: readonly string[] = []): Promise<Served> {
  const script = runScript('src/cli/main.ts', ['serve', '--json', '--port', '0', ...args], {
    ...NOTHING_SET,
    AGENT_TURBO_EMBEDDER_THREADS: '1',
    AGENT_TURBO_LOG_LEVEL: 'warn',
    ...env,
  })
  let said = ''
  script.process.stdout?.on('data', (text: string) => {
    said += text
  })
  await script.said('\n')
  const { url } = JSON.parse(said) as { url: string }
  return {
    url,
    process: script.process,
    ended: script.ended,
    async stop() {
      script.process.kill('SIGTERM')
      await script.ended
    },
  }
}

/** A server that does not outlive the test that calls this. */
export async function serveForTest(env: Record<string, string>, args: readonly string[] = []): Promise<Served> {
  const served = await serve(env, args)
  onTestFinished(() => {
    served.process.kill('SIGKILL')
  })
  return served
}
