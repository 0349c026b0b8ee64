import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { startPrivateServer, type TestServer } from '../../scripts/test-postgres.ts'
import { createLog } from '../../src/base/log.ts'
import { openDatabase, type Store } from '../../src/db/index.ts'
import { createOrchestrator } from '../../src/orchestrator/index.ts'
import { findings } from './checks.ts'
import { Fleet } from './fleet.ts'
import { type HalfOpenProxy, startHalfOpenProxy } from './half-open.ts'
import { pick, seededRandom, shuffle } from './random.ts'
import { chaosTasks } from './tasks.ts'

export interface ChaosOptions {
  seed: number
  tasks: number
  workers: number
  concurrency: number
  leaseSeconds: number
  kills: number
  freezes: number
  /** Backends that are terminated. */
  terminations: number
  /** Times that all connections are cut without a word. */
  cuts: number
  restartSeconds: number
  /** Fails when tasks are left after this. */
  limitSeconds: number
  /** A bug put in on purpose: `fencing`, or none. */
  plant: string
}

export interface ChaosReport {
  seconds: number
  /** What was done to it. */
  counts: Record<'kills' | 'freezes' | 'terminations' | 'cuts' | 'restarts', number>
  /** What came of it. */
  outcomes: Record<string, number>
  /** Workers that ended by themselves, as the server was away when they started. */
  brokenOff: string[]
  findings: string[]
}

const TICK_MS = 100
/** Past the lease by this much a frozen worker wakes. */
const FREEZE_MORE_MS = 3_000
/** Disturbances are spread over this part of the tasks; what is left ends in peace. */
const DISTURBED = 0.95

/** Runs tasks while workers, server and network are disturbed, and looks whether anything is wrong afterwards. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const server = await startPrivateServer()
  const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-chaos-'))
  const proxy = await startHalfOpenProxy(server.port)
  const store = await openDatabase({ url: server.url(), poolMin: 0, statementTimeoutMs: 10_000 })
  try {
    return await new Chaos(options, { server, proxy, store, folder }).run()
  } finally {
    await store.stop()
    proxy.stop()
    await server.remove()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Place {
  server: TestServer
  proxy: HalfOpenProxy
  store: Store
  folder: string
}

type Disturbance = Exclude<keyof ChaosReport['counts'], 'restarts'>

class Chaos {
  readonly #options: ChaosOptions
  readonly #place: Place
  readonly #random: () => number
  readonly #counts: ChaosReport['counts'] = { kills: 0, freezes: 0, terminations: 0, cuts: 0, restarts: 0 }
  readonly #folders: { tasks: string; worker: string }

  constructor(options: ChaosOptions, place: Place) {
    this.#options = options
    this.#place = place
    this.#random = seededRandom(options.seed)
    this.#folders = { tasks: join(place.folder, 'tasks'), worker: join(place.folder, 'worker') }
    mkdirSync(this.#folders.tasks)
  }

  async run(): Promise<ChaosReport> {
    const { server, proxy, store } = this.#place
    const orchestrator = createOrchestrator({
      ...{ db: store, log: createLog({ level: 'silent' }), countTokens: (text: string) => text.length },
      writtenKnowledge: async () => ({ items: [], nextCursor: null }),
      recall: async () => ({ items: [], degraded: [] }) as never,
    })
    await orchestrator.tasks.createBatch(chaosTasks(this.#options.tasks, this.#folders.tasks, this.#random))
    const url = new URL(server.url())
    url.port = String(proxy.port)
    const { workers: size, concurrency, leaseSeconds, plant } = this.#options
    const crew = { url: url.href, folder: this.#folders.worker, concurrency, leaseSeconds, plant }
    const startedMs = performance.now()
    const fleet = new Fleet({ ...crew, size })
    try {
      await Promise.all([this.#disturb(fleet), this.#restart(() => fleet.isStopping)])
      const seconds = (performance.now() - startedMs) / 1_000
      await this.#tidyUp(crew)
      return {
        ...{ seconds, counts: this.#counts, brokenOff: fleet.brokenOff },
        outcomes: await this.#outcomes(),
        findings: await findings(store, orchestrator, this.#folders),
      }
    } finally {
      fleet.abandon()
    }
  }

  /** Until every task has ended: kills, freezes, cuts, each when so many tasks have ended as its place says. */
  async #disturb(fleet: Fleet): Promise<void> {
    const { tasks, limitSeconds } = this.#options
    const plan = this.#plan()
    const total = plan.length
    const deadline = performance.now() + limitSeconds * 1_000
    for (let ended = 0; ended < tasks; ended = (await this.#ended()) ?? ended) {
      if (performance.now() > deadline) break
      const isDue = (total - plan.length) / total <= ended / (tasks * DISTURBED)
      const [next] = plan
      if (next !== undefined && isDue && (await this.#do(next, fleet))) plan.shift()
      await pause(TICK_MS)
    }
    await fleet.stop()
  }

  #plan(): Disturbance[] {
    const names = ['kills', 'freezes', 'terminations', 'cuts'] as const
    return shuffle(
      this.#random,
      names.flatMap((name) => new Array<Disturbance>(this.#options[name]).fill(name)),
    )
  }

  /** False when it cannot be done now. */
  async #do(what: Disturbance, fleet: Fleet): Promise<boolean> {
    if (what === 'terminations' || what === 'cuts') {
      const done = what === 'cuts' ? this.#place.proxy.cut() : await this.#terminate()
      this.#counts[what] += done > 0 ? 1 : 0
      return done > 0
    }
    const worker = pick(this.#random, fleet.running)
    if (worker === undefined) return false
    if (what === 'kills') fleet.kill(worker)
    else fleet.freeze(worker, this.#options.leaseSeconds * 1_000 + FREEZE_MORE_MS)
    this.#counts[what] += 1
    return true
  }

  /** Ends the connection of some worker, in the middle of a statement or not. */
  async #terminate(): Promise<number> {
    const rows = await this.#asked(sql`
      select pg_terminate_backend(pid) from (
        select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
          and backend_type = 'client backend' order by md5(pid::text || ${this.#random()}) limit 1) one`)
    return rows?.length ?? 0
  }

  /** How many tasks have ended; lets those run at once that wait after a failure. Null while the server is away. */
  async #ended(): Promise<number | null> {
    await this.#asked(sql`
      update agent_tasks set run_after = null where task_id = any(array(
        select task_id from agent_tasks where status = 'pending' and run_after > now() for update skip locked))`)
    const rows = await this.#asked<{ ended: number }>(sql`
      select count(*)::int as ended from agent_tasks where status in ('completed', 'failed', 'cancelled')`)
    return rows?.[0]?.ended ?? null
  }

  /** Null where the server is away, as it is when it restarts: whoever asks will ask again. */
  async #asked<Row>(statement: Parameters<Store['query']>[0]): Promise<Row[] | null> {
    try {
      return await this.#place.store.query<Row>(statement)
    } catch {
      return null
    }
  }

  /** Every so often the server goes down, sometimes as by a crash. */
  async #restart(isOver: () => boolean): Promise<void> {
    const everyMs = this.#options.restartSeconds * 1_000
    for (let next = performance.now() + everyMs; !isOver(); await pause(TICK_MS)) {
      if (performance.now() < next) continue
      await this.#place.server.restart(this.#random() < 0.5 ? 'immediate' : 'fast')
      this.#counts.restarts += 1
      next = performance.now() + everyMs
    }
  }

  /** A last worker takes over what killed ones have left: results, programs, records. */
  async #tidyUp(crew: Omit<ConstructorParameters<typeof Fleet>[0], 'size'>): Promise<void> {
    const last = new Fleet({ ...crew, size: 1 })
    while (last.running.length === 0) await pause(TICK_MS)
    await last.stop()
  }

  async #outcomes(): Promise<Record<string, number>> {
    const rows = await this.#place.store.query<{ outcome: string; runs: number }>(sql`
      select coalesce(outcome, 'open') as outcome, count(*)::int as runs from task_attempts group by 1 order by 1`)
    return Object.fromEntries(rows.map(({ outcome, runs }) => [outcome, runs]))
  }
}
