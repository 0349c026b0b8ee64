/** Starts a run that would last for ever, says its process id, and then breaks (`exit`) or waits to be killed (`hold`). */
import { DEFAULT_LIMITS, startProcess } from '../../../src/worker/process/run-process.ts'

const [mode, cwd = ''] = process.argv.slice(2)
const { identity, ended } = await startProcess({
  ...{ file: 'sh', args: ['-c', 'sleep 600 & sleep 601'], cwd, env: { PATH: process.env.PATH ?? '' }, stdin: null },
  ...{ scratch: cwd, runId: 'held-run', format: 'text', limits: DEFAULT_LIMITS },
  onLine: () => undefined,
})
process.stdout.write(`pid ${identity.pid}\n`)
if (mode === 'exit') throw new Error('the worker breaks')
await ended
