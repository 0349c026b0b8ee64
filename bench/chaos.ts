import { parseArgs } from 'node:util'
import { runChaos } from './chaos/run.ts'
import { printHeader } from './report.ts'

/**
 * Tasks of the platform `command` while workers are killed and frozen, connections ended and cut, and the server
 * restarted: `npm run chaos -- [--seed 1] [--tasks 1000] [--kills 100] …`. Ends with an error when anything was lost or
 * done twice. `--plant fencing` puts in the bug that it has to find.
 */
const sizes = {
  ...{ seed: '1', tasks: '1000', workers: '4', concurrency: '4', leaseSeconds: '5' },
  ...{ kills: '100', freezes: '15', terminations: '40', cuts: '8', restartSeconds: '10', limitSeconds: '1800' },
}
const { values } = parseArgs({
  options: {
    ...Object.fromEntries(
      Object.entries(sizes).map(([name, value]) => [name, { type: 'string' as const, default: value }]),
    ),
    plant: { type: 'string' as const, default: '' },
  },
})
const { plant = '', ...texts } = values as Record<string, string>
const numbers = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Number(text)]))
const options = { ...(numbers as Record<keyof typeof sizes, number>), plant }

printHeader('Chaos', JSON.stringify(options))
const { seconds, counts, outcomes, brokenOff, findings } = await runChaos(options)
console.log(`done to it  ${JSON.stringify(counts)} in ${seconds.toFixed(0)} s`)
console.log(`runs        ${JSON.stringify(outcomes)}`)
console.log(`workers     ${brokenOff.length} ended when they could not start`)
for (const finding of findings) console.log(`WRONG       ${finding}`)
console.log(findings.length === 0 ? 'nothing lost, nothing twice, nothing left' : `${findings.length} findings`)
process.exitCode = findings.length === 0 ? 0 : 1
