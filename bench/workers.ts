import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '../src/base/log.ts'
import { openDatabase, type Store } from '../src/db/index.ts'
import { createOrchestrator, type Orchestrator } from '../src/orchestrator/index.ts'
import { createWorker, type Worker } from '../src/worker/index.ts'
import { Checks, milliseconds, percentile, printHeader, summary } from './report.ts'

/**
 * The worker pool on a native server: `DATABASE_URL=postgres://… npm run bench:workers [starts] [jobs] [tasks]`, on an
 * empty database of its own. The comparison installs graphile-worker in a folder of its own.
 */
const [starts = 200, jobs = 3_000, oneSecondTasks = 300] = process.argv.slice(2).map(Number)
const url = process.env.DATABASE_URL
if (url === undefined) throw new Error('set DATABASE_URL to an empty database of its own')

const CONCURRENCY = 10
const SLOTS = 30
const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-bench-'))
const log = createLog({ level: 'error' })
const stores: Store[] = []

async function openOrchestrator(): Promise<{ store: Store; orchestrator: Orchestrator }> {
  const store = await openDatabase({ url, poolMax: 20 })
  stores.push(store)
  const none = async () => ({ items: [], nextCursor: null })
  const recall = async () => ({ items: [], degraded: [] }) as never
  const orchestrator = createOrchestrator({
    ...{ db: store, log, recall },
    countTokens: (text) => text.length,
    writtenKnowledge: none,
  })
  return { store, orchestrator }
}

async function openWorker(concurrency: number): Promise<Worker> {
  const { store, orchestrator } = await openOrchestrator()
  const { queue, accounts, tasks, taskLog, workers } = orchestrator
  return createWorker(
    {
      ...{
        concurrency,
        leaseSeconds: 60,
        platforms: ['command'],
        roles: null,
        capabilities: [],
        folder,
        cwd: folder,
        programs: {},
        budgets: {},
        routes: {},
      },
      ...{ environment: { PATH: process.env.PATH }, drainGraceMs: 0 },
    },
    {
      ...{ log, queue, accounts, tasks, taskLog, workers, countTokens: (text) => text.length, recall: async () => [] },
      listen: (channel, handlers) => store.listen(channel, handlers),
    },
  )
}

const commands = (argv: string[], count: number) =>
  Array.from({ length: count }, () => ({
    ...{ taskType: 'bench', taskDescription: 'a command', assignedToPlatform: 'command' },
    inputData: { argv },
  }))

async function untilEnded({ tasks }: Orchestrator): Promise<void> {
  for (;;) {
    const { tasks: left } = await tasks.list({ status: ['pending', 'running'], limit: 1 })
    if (left.length === 0) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** From the call that adds a task to the first thing that its program does: telling the time. */
async function startLatency(orchestrator: Orchestrator, checks: Checks): Promise<void> {
  const worker = await openWorker(CONCURRENCY)
  await worker.start()
  const latenciesMs: number[] = []
  const [task] = commands(['date', '+%s%N'], 1)
  if (task === undefined) return
  for (let turn = 0; turn < starts + 5; turn += 1) {
    const addedMs = performance.timeOrigin + performance.now()
    const { taskId } = await orchestrator.tasks.create(task)
    await untilEnded(orchestrator)
    const { outputData } = await orchestrator.tasks.get(taskId)
    // The first few load what is loaded once.
    if (turn >= 5) latenciesMs.push(Number(outputData?.text) / 1e6 - addedMs)
  }
  await worker.stop()
  console.log(`add to start  ${milliseconds(summary(latenciesMs))}  (${latenciesMs.length} tasks, one at a time)`)
  checks.atMost('add to process start p50', percentile(latenciesMs, 0.5), 10, 'ms')
  checks.atMost('add to process start p99', percentile(latenciesMs, 0.99), 50, 'ms')
}

/** Claims and completions with nothing in between, a second. */
async function throughput({ tasks, queue }: Orchestrator): Promise<number> {
  for (let left = jobs; left > 0; left -= 1_000) await tasks.createBatch(commands(['true'], Math.min(left, 1_000)))
  const startedMs = performance.now()
  const request = {
    workerId: 'bench/00000000',
    platforms: ['command'],
    roles: null,
    capabilities: [],
    leaseSeconds: 60,
  }
  let done = 0
  let free = CONCURRENCY
  let wake: () => void = () => undefined
  while (done < jobs) {
    const claimed = free === 0 ? [] : await queue.claim({ ...request, limit: free })
    free -= claimed.length
    for (const { attemptId } of claimed) {
      void queue.finish({ attemptId, outcome: 'completed', usage: {} }).then(() => {
        done += 1
        free += 1
        wake()
      })
    }
    if (free === 0 || claimed.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
        if (free > 0) resolve()
      })
    }
  }
  return jobs / ((performance.now() - startedMs) / 1_000)
}

/** The same with graphile-worker: the same server, the same number at once. */
function graphile(): number {
  // Outside of what is checked and packed: its packages are none of ours.
  const home = join(import.meta.dirname, '..', '.cache', 'graphile')
  cpSync(join(import.meta.dirname, 'graphile'), home, { recursive: true })
  if (!existsSync(join(home, 'node_modules'))) {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: home, stdio: 'ignore' })
  }
  const args = ['run.js', url ?? '', String(jobs), String(CONCURRENCY)]
  return Number(execFileSync(process.execPath, args, { cwd: home, encoding: 'utf8' }))
}

async function slots(orchestrator: Orchestrator, checks: Checks): Promise<void> {
  const worker = await openWorker(SLOTS)
  await worker.start()
  const startedMs = performance.now()
  await orchestrator.tasks.createBatch(commands(['sleep', '1'], oneSecondTasks))
  await untilEnded(orchestrator)
  const seconds = (performance.now() - startedMs) / 1_000
  await worker.stop()
  const idealSeconds = oneSecondTasks / SLOTS
  console.log(
    `slots         ${oneSecondTasks} tasks of 1 s in ${SLOTS} slots: ${seconds.toFixed(2)} s, ideal ${idealSeconds} s`,
  )
  checks.atMost('time over ideal time', seconds / idealSeconds, 1.03, 'x')
}

async function fairness(orchestrator: Orchestrator, checks: Checks): Promise<void> {
  const pair = [await openWorker(CONCURRENCY), await openWorker(CONCURRENCY)]
  const [one] = await Promise.all(pair.map((worker) => worker.start()))
  const made = await orchestrator.tasks.createBatch(commands(['sleep', '0.2'], CONCURRENCY * 20))
  await untilEnded(orchestrator)
  await Promise.all(pair.map((worker) => worker.stop()))
  const ran = await Promise.all(made.map(async ({ taskId }) => (await orchestrator.tasks.get(taskId)).assignedWorkerId))
  const share = ran.filter((workerId) => workerId === one?.workerId).length / ran.length
  console.log(
    `two workers   ${(share * 100).toFixed(0)} % and ${((1 - share) * 100).toFixed(0)} % of ${ran.length} tasks`,
  )
  checks.atLeast('share of the smaller one', Math.min(share, 1 - share), 0.4, '')
}

printHeader('Workers', `${starts} starts, ${jobs} no-op jobs, ${oneSecondTasks} tasks of one second`)
const checks = new Checks()
try {
  const { orchestrator } = await openOrchestrator()
  await startLatency(orchestrator, checks)
  const ours = await throughput(orchestrator)
  const theirs = graphile()
  console.log(`no-op jobs    ${ours.toFixed(0)} a second, graphile-worker ${theirs.toFixed(0)}`)
  checks.atLeast('claim and complete, of graphile-worker', ours / theirs, 0.8, 'x')
  await slots(orchestrator, checks)
  await fairness(orchestrator, checks)
  process.exitCode = checks.missed === 0 ? 0 : 1
} finally {
  await Promise.all(stores.map((store) => store.stop()))
  rmSync(folder, { recursive: true, force: true })
}
