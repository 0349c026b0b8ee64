import type { QueueFacts, TaskRow } from './queries.ts'
import type { Dependency, WaitingReason } from './types.ts'

/** More tasks ahead than this are not counted. */
export const AHEAD_MAX = 10_000

/** Why a blocked task is not running. */
export function whyBlocked(task: TaskRow, dependencies: readonly Dependency[]): WaitingReason[] {
  const reason = task.blockedReason ?? 'person'
  if (reason === 'dependencies' || reason === 'dependency_failed') {
    return dependencies.filter(({ met }) => !met).map(whyUnmet)
  }
  if (reason === 'review') return [{ reason: 'review', detail: `held by a review (${task.reviewStatus})` }]
  if (reason === 'budget' && task.errorMessage !== null) return [{ reason: 'budget', detail: task.errorMessage }]
  return [{ reason: 'person', detail: `held until somebody moves it: ${reason}` }]
}

function whyUnmet({ taskId, after, status }: Dependency): WaitingReason {
  if (status === null) return { reason: 'dependency_failed', detail: `${taskId} was deleted` }
  if (after === 'success' && (status === 'failed' || status === 'cancelled')) {
    return { reason: 'dependency_failed', detail: `${taskId} is ${status}; a retry of it lets this task wait again` }
  }
  const until = after === 'end' ? 'ends' : 'is completed'
  return { reason: 'dependency', detail: `waits until ${taskId} ${until}; it is ${status}` }
}

/** Why a pending task is not running; its place in the queue where nothing else keeps it. */
export function whyQueued(task: TaskRow, facts: QueueFacts): WaitingReason[] {
  const reasons: WaitingReason[] = []
  const add = (reason: WaitingReason['reason'], detail: string) => reasons.push({ reason, detail })
  if (facts.scheduledFor !== null) add('run_after', `may not start before ${facts.scheduledFor}`)
  if (facts.budgetShortage !== null) add('budget', facts.budgetShortage)
  if (facts.ableWorkers === 0) add('no_worker', whyNoWorker(task, facts.workers))
  if (facts.accountsPausedUntil !== null) {
    const why = facts.pauseReason === null ? '' : ` (${facts.pauseReason})`
    add(
      'account_paused',
      `every account of ${task.assignedToPlatform} is paused, the first until ${facts.accountsPausedUntil}${why}`,
    )
  }
  if (task.concurrencyKey !== null && facts.holders.length >= task.concurrencyLimit) {
    const limit = `${task.concurrencyLimit} at once with the key ${task.concurrencyKey}`
    add('concurrency', `${limit}, which ${facts.holders.slice(0, 5).join(', ')} hold`)
  }
  if (reasons.length > 0) return reasons
  const place = facts.ahead >= AHEAD_MAX ? `more than ${AHEAD_MAX}` : String(facts.ahead + 1)
  return [{ reason: 'queue', detail: `number ${place} of the tasks that the same workers can run` }]
}

function whyNoWorker(task: TaskRow, workers: number): string {
  const needs = [
    task.assignedToPlatform === null ? 'an agent' : `platform ${task.assignedToPlatform}`,
    task.assignedToRole !== null && `role ${task.assignedToRole}`,
    task.requiredCapabilities.length > 0 && `capabilities ${task.requiredCapabilities.join(', ')}`,
  ].filter((need) => typeof need === 'string')
  if (workers === 0) return 'no worker was seen in the last minute'
  return `none of the ${workers} workers seen in the last minute has ${needs.join(', ')}`
}
