/** A worker in a process of its own: `worker.ts <url> <folder> <concurrency> <lease seconds> [fencing]`. */
import { createLog } from '../../src/base/log.ts'
import { openDatabase } from '../../src/db/index.ts'
import { createOrchestrator } from '../../src/orchestrator/index.ts'
import { createWorker } from '../../src/worker/index.ts'
import { PLANTED_LEASE_SECONDS, unfenced } from './unfenced.ts'

/** A connection that is cut without a word is given up after this, and a fifth of a minute is too long for a short lease. */
const STATEMENT_TIMEOUT_MS = 2_000
const DRAIN_GRACE_MS = 10_000

const [url = '', folder = '', concurrency, lease, plant] = process.argv.slice(2)
const leaseSeconds = Number(lease)
const log = createLog({ level: 'error' })
const store = await openDatabase({ url, poolMin: 0, poolMax: 4, statementTimeoutMs: STATEMENT_TIMEOUT_MS })
const { queue, accounts, tasks, taskLog, workers } = createOrchestrator({
  ...{ db: store, log, countTokens: (text) => text.length },
  writtenKnowledge: async () => ({ items: [], nextCursor: null }),
  recall: async () => ({ items: [], degraded: [] }) as never,
})
const isPlanted = plant === 'fencing'
const worker = createWorker(
  {
    ...{
      concurrency: Number(concurrency),
      platforms: ['command'],
      roles: null,
      folder,
      cwd: folder,
      programs: {},
      capabilities: [],
      budgets: {},
      routes: {},
    },
    leaseSeconds: isPlanted ? PLANTED_LEASE_SECONDS : leaseSeconds,
    ...{ environment: { PATH: process.env.PATH }, drainGraceMs: DRAIN_GRACE_MS },
  },
  {
    ...{ log, accounts, tasks, taskLog, workers, countTokens: (text) => text.length, recall: async () => [] },
    queue: isPlanted ? unfenced(queue, store, leaseSeconds) : queue,
    listen: (channel, handlers) => store.listen(channel, handlers),
  },
)
process.once('SIGTERM', async () => {
  await worker.stop()
  await store.stop()
  process.exit(0)
})
await worker.start()
process.stdout.write('started\n')
