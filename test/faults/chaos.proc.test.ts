import { expect, it } from 'vitest'
import { type ChaosOptions, runChaos } from '../../bench/chaos/run.ts'

const TEST_MS_MAX = 300_000
const SMALL: ChaosOptions = {
  ...{ seed: 1, tasks: 60, workers: 3, concurrency: 4, leaseSeconds: 3 },
  ...{ kills: 10, freezes: 2, terminations: 3, cuts: 1, restartSeconds: 15, limitSeconds: 240, plant: '' },
}

it(
  'every task ends once, whatever is done to workers, connections and the server',
  async () => {
    const { seconds, counts, outcomes, findings } = await runChaos(SMALL)
    process.stdout.write(`${JSON.stringify(counts)} in ${seconds.toFixed(0)} s: ${JSON.stringify(outcomes)}\n`)
    expect(findings).toEqual([])
    const { kills, freezes, terminations, cuts } = SMALL
    expect(counts).toMatchObject({ kills, freezes, terminations, cuts })
    expect(counts.restarts).toBeGreaterThan(0)
    expect(outcomes.completed).toBe(SMALL.tasks)
  },
  TEST_MS_MAX,
)

it(
  'results of lost runs that are taken all the same are found',
  async () => {
    const { findings } = await runChaos({
      ...SMALL,
      tasks: 40,
      kills: 0,
      freezes: 4,
      terminations: 0,
      plant: 'fencing',
    })
    expect(findings).toContainEqual(expect.stringMatching(/has \d results that were taken/))
  },
  TEST_MS_MAX,
)
