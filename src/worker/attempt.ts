import { assert, must } from '../base/assert.ts'
import { TurboError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { AttemptTrail, BudgetShortage, ClaimedTask } from '../orchestrator/index.ts'
import { accountKeyOf } from './accounts.ts'
import { createAttemptLog } from './attempt-log.ts'
import { limited, reservationOf } from './budgets.ts'
import type { Held } from './leases.ts'
import { type OrderServices, requestOf } from './order.ts'
import type { StopReason } from './process/index.ts'
import type { Reporter } from './reporter.ts'
import { changesSince, readRepository } from './repository.ts'
import { type Run, type RunOutcome, settle, startRun } from './run.ts'
import type { RunRecords } from './run-records.ts'
import type { RunEvent, Runner, RunRequest } from './runners/index.ts'
import { TrailRecorder } from './trail.ts'
import type { WorkerServices, WorkerSettings } from './types.ts'
import {
  type Account,
  type AttemptReport,
  reportOf,
  reportOfFailure,
  reportOfRelease,
  reportOfShortage,
} from './verdict.ts'

export interface AttemptOptions {
  task: ClaimedTask
  host: string
  runners: ReadonlyMap<string, Runner>
  /** In the order in which they are preferred. */
  platforms: readonly string[]
  settings: Pick<WorkerSettings, 'cwd' | 'environment' | 'leaseSeconds' | 'programs' | 'budgets' | 'routes'>
  services: OrderServices & Pick<WorkerServices, 'queue'>
  reporter: Reporter
  records: RunRecords
  log: Log
}

/** A task on its way through this worker. */
export interface Attempt extends Held {
  /** The worker ends: the task goes back to the queue at no cost, everything of the run is gone within `withinMs`. */
  handBack(withinMs: number): void
  /** Resolves when the end was reported. Never rejects. */
  readonly ended: Promise<void>
}

/** Everything known of an attempt; each step adds its part. */
interface Course extends AttemptOptions {
  order?: { runner: Runner; request: RunRequest; account: Account }
  run?: Run
  /** What it did, known when it has ended. */
  trail?: AttemptTrail
  /** The first wish to end it, and by when. */
  stop?: { reason: StopReason; withinMs: number }
  isHandedBack: boolean
}

const STOP_MS = 20_000

/** Takes a claimed task through its steps: prepare, run, judge, report. */
export function startAttempt(options: AttemptOptions): Attempt {
  const course: Course = { ...options, isHandedBack: false }
  const stop = (reason: StopReason, withinMs: number) => {
    course.stop ??= { reason, withinMs }
    course.run?.stop(reason, withinMs)
  }
  return {
    attemptId: options.task.attemptId,
    cancel: () => stop('cancelled', STOP_MS),
    fence: (withinMs) => stop('fenced', withinMs),
    handBack(withinMs) {
      if (course.stop === undefined) course.isHandedBack = true
      stop('cancelled', withinMs)
    },
    ended: follow(course),
  }
}

async function follow(course: Course): Promise<void> {
  const { task, records, reporter, log } = course
  const { attemptId, taskId } = task
  const report = await undergo(course).catch((error: unknown) => {
    log.warn({ err: error, taskId, attemptId }, 'a task could not be begun')
    return reportOfFailure(attemptId, error)
  })
  await reporter.report(report)
  // Kept until here: a worker that dies before leaves the task to be found by it.
  await records
    .forget(attemptId)
    .catch((error: unknown) => log.warn({ err: error, attemptId }, 'a record is left over'))
}

async function undergo(course: Course): Promise<AttemptReport> {
  await prepare(course)
  const shortage = await reserve(course)
  if (shortage !== null) return reportOfShortage(course.task.attemptId, shortage, orderOf(course).account)
  const outcome = await run(course)
  return judge(course, outcome)
}

/** Which program, and what it is told. */
async function prepare(course: Course): Promise<void> {
  const { task, host, runners, settings, services } = course
  const platform = platformOf(course)
  const runner = must(runners.get(platform), `a runner for ${platform}`)
  const request = await requestOf(task, runner, { cwd: settings.cwd, host, routes: settings.routes }, services)
  course.order = {
    runner,
    request: limited(request, task, runner, settings.budgets),
    account: { platform, accountKey: accountKeyOf(runner, settings.environment) },
  }
}

/** Sets aside what an agent may spend, before it can spend it; null when that was done, or nothing limits it. */
async function reserve(course: Course): Promise<BudgetShortage | null> {
  const { task, settings, services } = course
  const { runner, request } = orderOf(course)
  const input = runner.successBy === 'result' ? reservationOf(task, request, settings.budgets) : null
  return input === null ? null : services.queue.reserve(input)
}

function orderOf({ order }: Course) {
  return must(order, 'a prepared attempt')
}

/**
 * The task's own platform; where it names none, that of its route, else the first agent of this worker, of those whose
 * account is not paused.
 */
function platformOf({ task, platforms, runners, settings }: Course): string {
  if (task.assignedToPlatform !== null) return task.assignedToPlatform
  const isAgent = (platform: string) => runners.get(platform)?.successBy === 'result'
  const usable = platforms.filter((platform) => task.usablePlatforms.includes(platform) && isAgent(platform))
  const route = Object.hasOwn(settings.routes, task.taskType) ? settings.routes[task.taskType] : undefined
  const chosen = usable.find((platform) => platform === route?.platform) ?? usable[0]
  if (chosen === undefined) throw new TurboError('unavailable', 'no agent of this worker can be used now')
  return chosen
}

/** The program itself; null when the end was asked for before it was started. */
async function run(course: Course): Promise<RunOutcome | null> {
  const { task, records, services, log } = course
  if (course.stop !== undefined) return null
  await records.note(task.attemptId, null)
  const said = createAttemptLog(task.attemptId, services.taskLog, log)
  const { request } = must(course.order, 'a prepared attempt')
  const did = new TrailRecorder(request)
  try {
    const before = await standing(course, (environment) => readRepository(request.cwd, environment))
    // Asked for meanwhile: the task may be somebody else's by now.
    if ((course as Course).stop !== undefined) return null
    const started = await start(course, (event) => {
      said.add(event)
      did.add(event)
    })
    course.run = started
    // Asked for while it was being started.
    const { stop } = course as Course
    if (stop !== undefined) started.stop(stop.reason, stop.withinMs)
    await records.note(task.attemptId, started.identity)
    const outcome = await started.ended
    // One that has to be gone in time does not wait for git.
    const isAsked = before !== null && (course as Course).stop === undefined
    course.trail = did.trail(
      isAsked ? await standing(course, (environment) => changesSince(before, environment)) : null,
    )
    return outcome
  } finally {
    await said.end()
  }
}

/** What git says; null where it cannot be asked, which costs a run nothing but a part of its trail. */
async function standing<T>(
  { task, settings, log }: Course,
  ask: (environment: WorkerSettings['environment']) => Promise<T | null>,
): Promise<T | null> {
  try {
    return await ask(settings.environment)
  } catch (error) {
    log.warn({ err: error, attemptId: task.attemptId }, 'git does not say what a run has changed')
    return null
  }
}

function start({ task, order, settings, log }: Course, onEvent: (event: RunEvent) => void): Promise<Run> {
  const { attemptId, taskId } = task
  const { runner, request } = must(order, 'a prepared attempt')
  return startRun({
    ...{ runner, request, runId: attemptId, environment: settings.environment },
    program: settings.programs[runner.platform],
    limits: limitsOf(task, settings.leaseSeconds),
    onEvent,
    onQuiet: () => log.warn({ taskId, attemptId }, 'a run is quiet; it will be stopped when that goes on'),
  })
}

/** What its end means, for the task and for the account. */
function judge({ task, order, stop, isHandedBack, trail }: Course, outcome: RunOutcome | null): AttemptReport {
  if (outcome !== null) {
    const { account } = must(order, 'a prepared attempt')
    return reportOf(task.attemptId, { end: settle(outcome, 'none'), outcome, account, isHandedBack, trail })
  }
  assert(stop !== undefined, 'a run was not started only because it was stopped')
  return reportOfRelease(task.attemptId, isHandedBack || stop.reason === 'fenced' ? 'handed_back' : 'cancelled')
}

/** The database says both when the lease ends and when the run is overdue: no clock of this host is asked. */
function limitsOf({ leaseUntil, runUntil, stallTimeoutSeconds }: ClaimedTask, leaseSeconds: number) {
  const claimedAtMs = Date.parse(leaseUntil) - leaseSeconds * 1_000
  const timeoutMs = Math.max(1, Date.parse(runUntil) - claimedAtMs)
  if (stallTimeoutSeconds === null) return { timeoutMs }
  return { timeoutMs, stall: { warnAfterMs: stallTimeoutSeconds * 500, stalledAfterMs: stallTimeoutSeconds * 1_000 } }
}
