import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import { createLoop, type Loop } from '../base/loop.ts'
import { VERSION } from '../base/version.ts'
import type { WorkerPresence } from '../orchestrator/index.ts'
import { accountKeyOf } from './accounts.ts'
import { type Attempt, startAttempt } from './attempt.ts'
import { createLeases, type Leases } from './leases.ts'
import { type Capability, probe } from './probe.ts'
import { createReporter, type Reporter } from './reporter.ts'
import { checkRoutes } from './routes.ts'
import { openRunRecords, type RunRecords } from './run-records.ts'
import { createRunners, type Runner } from './runners/index.ts'
import { openSalvage } from './salvage.ts'
import { openSpool } from './spool.ts'
import type { WorkerServices, WorkerSettings } from './types.ts'
import { reportOfRelease } from './verdict.ts'

/** Between looks at the queue while nobody says that there is something; each time a little more or less. */
const POLL_MS = 1_000
const POLL_SPREAD = 0.5
const PRESENCE_MS = 10_000
/** Logins come and go, and programs are updated. */
const PROBE_MS = 600_000
/** For a program that is ended because the worker ends. */
const HAND_BACK_MS = 10_000
/** For results that nobody takes; the spool keeps them for the next worker. */
const REPORT_MS = 10_000

/** Runs tasks. Starting twice starts once; it may be started again after it has stopped, under a new id. */
export interface Worker {
  /** Resolves when it claims tasks. @throws TurboError `unavailable` when the spool cannot be written or the store is away */
  start(): Promise<{ workerId: string; platforms: string[] }>
  /** Claims nothing more, lets runs end within the grace, hands back what is left. Idempotent. */
  stop(): Promise<void>
  /** Resolves when it has ended, by {@link stop} or because somebody asked it to drain. */
  readonly ended: Promise<void>
}

/** @throws TurboError `invalid_input` naming a field of a route that its platform does not take */
export function createWorker(settings: WorkerSettings, services: WorkerServices): Worker {
  assert(settings.concurrency >= 1 && settings.concurrency <= 64, 'a worker runs 1 to 64 tasks at once')
  checkRoutes(settings.routes, createRunners({ shell: false }))
  let shift: Shift | undefined
  let starting: ReturnType<Worker['start']> | undefined
  const begin = async () => {
    shift = new Shift(settings, services)
    try {
      await shift.start()
    } catch (error) {
      starting = undefined
      await shift.stop()
      throw error
    }
    return { workerId: shift.workerId, platforms: shift.platforms }
  }
  return {
    start() {
      starting ??= begin()
      return starting
    },
    async stop() {
      // A start that failed has told its caller, and has cleaned up.
      await starting?.catch(() => undefined)
      starting = undefined
      await shift?.stop()
    },
    get ended() {
      return shift?.ended ?? Promise.resolve()
    },
  }
}

/** From one start to one stop: what has the same worker id. */
class Shift {
  readonly host = hostname()
  readonly workerId = `${this.host}/${randomUUID().slice(0, 8)}`
  readonly #settings: WorkerSettings
  readonly #services: WorkerServices
  readonly #runners: ReadonlyMap<string, Runner>
  readonly #leases: Leases
  readonly #attempts = new Map<string, Attempt>()
  readonly #loops: Loop[]
  readonly #claims: Loop
  readonly #unlisten: (() => Promise<void>)[] = []
  #programs: Capability[] = []
  #records: RunRecords | undefined
  #reporter: Reporter | undefined
  #stopping: Promise<void> | undefined
  #resolveEnded: () => void = () => undefined
  readonly ended = new Promise<void>((resolve) => {
    this.#resolveEnded = resolve
  })

  constructor(settings: WorkerSettings, services: WorkerServices) {
    this.#settings = settings
    this.#services = services
    const { platforms, leaseSeconds } = settings
    const all = createRunners({ shell: platforms?.includes('shell') ?? false })
    this.#runners = new Map([...all].filter(([platform]) => platforms?.includes(platform) ?? true))
    this.#leases = createLeases({ queue: services.queue, workerId: this.workerId, leaseSeconds, log: services.log })
    const { log } = services
    const idleMs = () => POLL_MS * (1 - POLL_SPREAD / 2 + Math.random() * POLL_SPREAD)
    this.#claims = createLoop({ name: 'claims', idleMs, log, step: () => this.#claim() })
    this.#loops = [
      createLoop({ name: 'worker-presence', idleMs: PRESENCE_MS, log, step: () => this.#tell() }),
      createLoop({ name: 'worker-programs', idleMs: PROBE_MS, log, step: () => this.#probe() }),
    ]
  }

  /** What it can run now, best first: agents before plain programs. */
  get platforms(): string[] {
    return this.#programs
      .filter(({ isInstalled, loggedIn }) => isInstalled && loggedIn !== 'no')
      .map(({ platform }) => platform)
  }

  async start(): Promise<void> {
    const { queue, accounts, log, listen } = this.#services
    const { folder } = this.#settings
    const spool = await openSpool({ folder: join(folder, 'spool') })
    this.#records = await openRunRecords(join(folder, 'runs', this.host))
    this.#reporter = createReporter({ queue, accounts, spool, salvage: openSalvage(join(folder, 'salvage')), log })
    // Results before tasks: what is done must not be done again.
    await this.#reporter.replay()
    await this.#probe()
    await this.#tell()
    this.#unlisten.push(
      await listen('task_ready', { onNotify: () => this.#claims.wake(), onGap: () => this.#claims.wake() }),
      await listen('worker_drain', {
        onNotify: (workerId) => workerId === this.workerId && this.#drain(),
        onGap: () => this.#loops[0]?.wake(),
      }),
    )
    this.#leases.start()
    for (const loop of [...this.#loops, this.#claims]) loop.start()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop(this.#settings.drainGraceMs)
    return this.#stopping
  }

  /** Somebody else asked for the end: there is no hurry, and runs may take what their tasks allow. */
  #drain(): void {
    this.#stopping ??= this.#stop(null)
  }

  async #stop(graceMs: number | null): Promise<void> {
    const { workers, log } = this.#services
    log.info({ workerId: this.workerId, running: this.#attempts.size }, 'the worker stops')
    await Promise.all(this.#unlisten.map((unlisten) => unlisten()))
    await this.#claims.stop()
    const tell = (status: 'draining' | 'stopped') =>
      workers
        .leave(this.workerId, status)
        .catch((error: unknown) => log.warn({ err: error }, 'nobody knows that a worker stops'))
    await tell('draining')
    if (!(await this.#idleWithin(graceMs))) {
      for (const attempt of this.#attempts.values()) attempt.handBack(HAND_BACK_MS)
      await this.#idleWithin(HAND_BACK_MS + REPORT_MS)
    }
    await this.#leases.stop()
    await this.#reporter?.stop()
    await Promise.all(this.#loops.map((loop) => loop.stop()))
    await tell('stopped')
    this.#resolveEnded()
  }

  /** True when all attempts have ended within the time; null waits as long as it takes. */
  async #idleWithin(limitMs: number | null): Promise<boolean> {
    const idle = Promise.all([...this.#attempts.values()].map(({ ended }) => ended)).then(() => true)
    if (limitMs === null) return idle
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, limitMs, false)
    })
    return Promise.race([idle, late]).finally(() => clearTimeout(timer))
  }

  /** Fills the free slots; true when there may be more at once. */
  async #claim(): Promise<boolean> {
    const { queue } = this.#services
    const { concurrency, leaseSeconds, roles, capabilities } = this.#settings
    const free = concurrency - this.#attempts.size
    if (free <= 0 || this.platforms.length === 0 || this.#reporter?.canStore !== true) return false
    const claimedAtMs = performance.now()
    const tasks = await queue.claim({
      ...{ workerId: this.workerId, platforms: this.platforms, roles, capabilities, limit: free, leaseSeconds },
      ...{ accounts: this.#accounts(), host: this.host, pid: process.pid },
    })
    for (const task of tasks) this.#begin(task, claimedAtMs)
    return tasks.length > 0
  }

  #begin(task: Parameters<typeof startAttempt>[0]['task'], claimedAtMs: number): void {
    const { log } = this.#services
    assert(this.#reporter !== undefined && this.#records !== undefined, 'a started worker')
    const attempt = startAttempt({
      ...{ task, host: this.host, runners: this.#runners, platforms: this.platforms, log },
      ...{ settings: this.#settings, services: this.#services, reporter: this.#reporter, records: this.#records },
    })
    this.#attempts.set(attempt.attemptId, attempt)
    this.#leases.hold(attempt, claimedAtMs)
    void attempt.ended.then(() => {
      this.#leases.release(attempt.attemptId)
      this.#attempts.delete(attempt.attemptId)
      this.#claims.wake()
    })
  }

  #accounts(): Record<string, string> {
    const { environment } = this.#settings
    const keys = [...this.#runners].map(([platform, runner]) => [platform, accountKeyOf(runner, environment)])
    return Object.fromEntries(keys)
  }

  async #probe(): Promise<boolean> {
    const { environment, programs } = this.#settings
    this.#programs = await Promise.all(
      [...this.#runners.values()].map((runner) => probe(runner, environment, programs[runner.platform])),
    )
    return false
  }

  /** Says that it is there, and looks after its folder: whether results have place, and what dead workers have left. */
  async #tell(): Promise<boolean> {
    const { concurrency, roles, capabilities } = this.#settings
    const presence: WorkerPresence = {
      ...{ workerId: this.workerId, host: this.host, pid: process.pid, version: VERSION },
      ...{ platforms: this.platforms, roles, capabilities, concurrency, programs: this.#programs },
    }
    const { drain } = await this.#services.workers.tell(presence)
    if (drain) this.#drain()
    await this.#reporter?.checkStorage()
    // Before what dead workers left is given up: they may have left its result too.
    await this.#reporter?.replay()
    await this.#takeOver()
    return false
  }

  async #takeOver(): Promise<void> {
    const left = (await this.#records?.reap()) ?? []
    for (const attemptId of left) {
      this.#services.log.warn({ attemptId }, 'a worker of this host has died in the middle of a task')
      await this.#reporter?.report(reportOfRelease(attemptId, 'worker_lost'))
      await this.#records?.forget(attemptId)
    }
  }
}
