import { Gauge, Histogram, Registry } from 'prom-client'
import type { ClaimSeen, QueueFigures } from '../orchestrator/index.ts'

/** One claim: a statement. */
const CLAIM_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30]
/** From a worker that is woken (milliseconds) to a queue that is too long (an hour). */
const WAIT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600]

/** The figures of the queue and of those who work on it. */
export class QueueMetrics {
  readonly registry = new Registry()
  readonly #claimSeconds = this.#histogram(
    'agent_turbo_claim_seconds',
    'Claims of the workers in this server.',
    CLAIM_BUCKETS,
  )
  readonly #startSeconds = this.#histogram(
    'agent_turbo_task_wait_seconds',
    'From when a task could be claimed until a worker in this server began it.',
    WAIT_BUCKETS,
  )
  readonly #ready = this.#gauge('agent_turbo_tasks_ready', 'Tasks that could be claimed now; 50,000 stands for more.')
  readonly #oldest = this.#gauge('agent_turbo_tasks_ready_oldest_seconds', 'How long the oldest of them has waited.')
  readonly #busy = this.#gauge('agent_turbo_worker_slots_busy', 'Tasks that workers run, on all hosts.')
  readonly #slots = this.#gauge('agent_turbo_worker_slots', 'Tasks that the workers there are can run at once.')
  readonly #pause = this.#gauge('agent_turbo_account_pause_seconds', 'Longest pause of an account that is left.', [
    'platform',
  ])
  readonly #attempts = this.#gauge(
    'agent_turbo_attempts_last_hour',
    'Runs of the tasks that ended within an hour (the latest 5,000), by outcome: lease_expired, fenced, completed, ...',
    ['outcome'],
  )
  readonly #cost = this.#gauge('agent_turbo_cost_usd_last_hour', 'What these runs cost, as far as they said.')
  readonly #dead = this.#gauge(
    'agent_turbo_dead_tuples',
    'Rows that wait to be vacuumed, as PostgreSQL estimates them.',
    ['table'],
  )

  claimed({ tookSeconds, waitedSeconds }: ClaimSeen): void {
    this.#claimSeconds.observe(tookSeconds)
    for (const seconds of waitedSeconds) this.#startSeconds.observe(seconds)
  }

  set(figures: QueueFigures): void {
    this.#ready.set(figures.readyTasks)
    this.#oldest.set(figures.oldestReadySeconds)
    this.#busy.set(figures.busySlots)
    this.#slots.set(figures.slots)
    for (const gauge of [this.#pause, this.#attempts, this.#dead]) gauge.reset()
    for (const { platform, seconds } of figures.pauses) this.#pause.set({ platform }, seconds)
    // Those that somebody is alarmed by are there before the first one happens.
    for (const outcome of ['lease_expired', 'fenced']) this.#attempts.set({ outcome }, 0)
    for (const { outcome, count } of figures.recentAttempts) this.#attempts.set({ outcome }, count)
    this.#cost.set(figures.recentAttempts.reduce((sum, { costUsd }) => sum + costUsd, 0))
    for (const { table, count } of figures.deadTuples) this.#dead.set({ table }, count)
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] })
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.registry] })
  }
}
