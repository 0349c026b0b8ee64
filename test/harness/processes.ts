import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../..', import.meta.url))

/** A script running in a process of its own. */
export interface RunningScript {
  process: ChildProcess
  /** Resolves when the process has ended, however it ended. */
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>
  /** Resolves when `text` has appeared on stdout; rejects when the process ends without it. */
  said(text: string): Promise<void>
}

/** Runs a TypeScript file of this repository, e.g. `test/db/processes/migrate.ts`. */
export function runScript(path: string, args: string[] = [], env: Record<string, string> = {}): RunningScript {
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], {
    cwd: repository,
    env: { ...process.env, ...env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    child.emit('said')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }))
  return {
    process: child,
    ended,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = () => stdout.includes(text) && resolve()
        child.on('said', look)
        void ended.then(() => reject(new Error(`the process ended without saying ${text}: ${stdout}${stderr}`)))
        look()
      }),
  }
}
