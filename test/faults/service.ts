import { onTestFinished } from 'vitest'
import type { DatabaseConfig } from '../../src/db/index.ts'
import { type RunningScript, runScript } from '../harness/processes.ts'

/** A server in a process of its own. */
export interface Service {
  url: string
  process: RunningScript['process']
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; rejects when it does not end in order. */
  stop(): Promise<void>
}

/**
 * Starts `agent-turbo serve` over the store at `place`, on a free port, with an embedder that answers at `embedderUrl`. It does not
 * outlive the test that calls this.
 */
export async function startService(place: DatabaseConfig, embedderUrl: string): Promise<Service> {
  const script = runScript('src/cli/main.ts', ['serve', '--json'], {
    DATABASE_URL: place.url ?? '',
    AGENT_TURBO_DATA: place.dataDir ?? '',
    AGENT_TURBO_PORT: '0',
    AGENT_TURBO_EMBEDDER: 'tei',
    AGENT_TURBO_EMBEDDER_URL: embedderUrl,
    AGENT_TURBO_LOG_LEVEL: 'warn',
  })
  onTestFinished(() => {
    script.process.kill('SIGKILL')
  })
  let said = ''
  script.process.stdout?.on('data', (text: string) => {
    said += text
  })
  await script.said('\n')
  return {
    url: (JSON.parse(said) as { url: string }).url,
    process: script.process,
    async kill() {
      script.process.kill('SIGKILL')
      await script.ended
    },
    async stop() {
      script.process.kill('SIGTERM')
      const { code, stderr } = await script.ended
      if (code !== 0) throw new Error(`the server ended with ${code}: ${stderr}`)
    },
  }
}

/** What came back of one request. */
export interface Answer<Body = unknown> {
  status: number
  type: string
  body: Body
}

/** One request with JSON. Rejects when the connection breaks before the answer is whole. */
export async function call<Body>(url: string, path: string, body?: unknown): Promise<Answer<Body>> {
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const type = response.headers.get('content-type') ?? ''
  return { status: response.status, type, body: (await response.json()) as Body }
}
