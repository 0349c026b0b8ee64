import type { OutputOf } from '../../client/index.ts'
import type { Style, View } from '../terminal.ts'
import { facts, table } from './table.ts'
import { duration, firstLine, minute, printable, truncate } from './text.ts'

type Task = OutputOf<'getTask'>
type Summary = OutputOf<'listTasks'>['tasks'][number]
type Attempt = OutputOf<'listTaskAttempts'>['attempts'][number]
type Status = Summary['status']

/** Columns that a task's line leaves for its description. */
const LIST_FIXED_COLUMNS = 68
const DESCRIPTION_CHARS_MIN = 20
const NAME_CHARS_MAX = 16

const COLOURS: Record<Status, 'cyan' | 'yellow' | 'blue' | 'green' | 'red' | 'dim'> = {
  pending: 'cyan',
  blocked: 'yellow',
  running: 'blue',
  completed: 'green',
  failed: 'red',
  cancelled: 'dim',
}

const coloured = (status: Status, style: Style) => style[COLOURS[status]](status)

/** What became of a new task. */
export function renderCreated({ taskId, status, duplicate }: OutputOf<'createTask'>): string {
  return duplicate ? `${taskId} has this key already (${status})` : `${taskId} ${status}`
}

/** A page of tasks, one a line. */
export function renderTasks({ tasks, nextCursor }: OutputOf<'listTasks'>, view: View): string {
  if (tasks.length === 0) return 'no tasks that match'
  const chars = Math.max(view.width - LIST_FIXED_COLUMNS, DESCRIPTION_CHARS_MIN)
  const rows = tasks.map((task) => [
    task.taskId,
    stateOf(task),
    task.taskPriority,
    minute(task.createdAt),
    truncate(task.assignedToPlatform ?? '', NAME_CHARS_MAX),
    firstLine(task.taskDescription, chars),
  ])
  const lines = table(['id', 'status', 'priority', 'created (UTC)', 'platform', 'description'], rows, view)
  return nextCursor === null ? lines : `${lines}\n${view.style.dim(`more with --cursor ${nextCursor}`)}`
}

/** The status in a word or two: how far it is, or what holds it. */
function stateOf({ status, progressPercentage, blockedReason, dependenciesLeft, cancelRequestedAt }: Summary): string {
  if (status === 'running' && cancelRequestedAt !== null) return 'running (cancelling)'
  if (status === 'running') return progressPercentage > 0 ? `running ${progressPercentage}%` : status
  if (status !== 'blocked') return status
  return blockedReason === 'dependencies' ? `blocked by ${dependenciesLeft}` : `blocked (${blockedReason ?? 'person'})`
}

/** One task with everything that is known of it. */
export function renderTask(task: Task, view: View): string {
  const { style } = view
  const parts = [`${style.bold(printable(task.taskId))}  ${coloured(task.status, style)}`, facts(knownOf(task), view)]
  const section = (title: string, lines: string[]) => {
    if (lines.length > 0) parts.push('', style.bold(title), ...lines.map(printable))
  }
  section(
    'waits',
    task.whyWaiting.map(({ reason, detail }) => `  ${reason}: ${detail}`),
  )
  section('depends on', task.dependencies.map(dependencyLine))
  section('runs', task.attempts.map(attemptLine))
  parts.push('', printable(task.taskDescription))
  if (task.outputData !== null) section('output', [JSON.stringify(task.outputData, null, 2)])
  return parts.join('\n')
}

function knownOf(task: Task): [string, string | number][] {
  const known: [string, string | number | null][] = [
    ['type', task.taskType],
    ['priority', task.taskPriority],
    ['project', task.project],
    ['session', task.sessionId],
    ['plan', task.planId],
    ['for', [task.assignedToPlatform, task.assignedToRole, ...task.requiredCapabilities].filter(Boolean).join(', ')],
    ['step', task.currentStep],
    ['progress', task.status === 'running' ? `${task.progressPercentage}%` : null],
    ['error', task.errorMessage],
    ['worker', task.assignedWorkerId],
    ['created', task.createdAt],
    ['started', task.startedAt],
    ['ended', task.completedAt],
    ['took', tookText(task.startedAt, task.completedAt)],
    ['retries', retriesText(task)],
    ['review', task.reviewStatus === 'none' ? null : task.reviewStatus],
    ['cost', task.costUsd === 0 ? null : `$${task.costUsd.toFixed(4)}`],
  ]
  return known.filter((entry): entry is [string, string | number] => entry[1] !== null && entry[1] !== '')
}

function retriesText({ retryCount, maxRetries, infraRetryCount, maxInfraRetries }: Task): string | null {
  if (retryCount === 0 && infraRetryCount === 0) return null
  return `${retryCount} of ${maxRetries}, and ${infraRetryCount} of ${maxInfraRetries} for lost workers`
}

function tookText(startedAt: string | null, endedAt: string | null): string | null {
  if (startedAt === null || endedAt === null) return null
  return duration((Date.parse(endedAt) - Date.parse(startedAt)) / 1000)
}

function dependencyLine({ taskId, after, onFailure, met, status }: Task['dependencies'][number]): string {
  const policy = [after === 'end' && 'after any end', onFailure !== 'block' && `else ${onFailure}`].filter(Boolean)
  return `  ${met ? '✓' : '·'} ${taskId}  ${status ?? 'deleted'}${policy.length === 0 ? '' : ` (${policy.join(', ')})`}`
}

function attemptLine(attempt: Attempt): string {
  const { attemptNumber, workerId, startedAt, endedAt, outcome, failureClass, errorMessage } = attempt
  const took = tookText(startedAt, endedAt)
  const why = [failureClass, errorMessage].filter((part) => part !== null).join(': ')
  const said = [outcome ?? 'running', took && `after ${took}`, `on ${workerId}`].filter(Boolean).join(' ')
  return `  ${attemptNumber}. ${minute(startedAt)}  ${said}${why === '' ? '' : `  ${firstLine(why, 100)}`}`
}

/** The runs of a task, one a line. */
export function renderAttempts({ attempts, nextCursor }: OutputOf<'listTaskAttempts'>, view: View): string {
  if (attempts.length === 0) return 'not run yet'
  const lines = attempts.map((attempt) => printable(attemptLine(attempt)))
  if (nextCursor !== null) lines.push(view.style.dim(`more with --cursor ${nextCursor}`))
  return lines.join('\n')
}

/** Where a task stands, in one line. */
export function progressLine(task: Task): string {
  const why = task.whyWaiting.map(({ detail }) => detail).join('; ')
  const said = [task.currentStep, why, task.errorMessage].filter((part) => part !== null && part !== '')
  return printable([task.taskId, stateOf(task), ...said].join('  '))
}

/** Tasks below the last of those that they depend on; the others are named. */
export function renderGraph({ tasks }: { tasks: readonly Summary[] }, view: View): string {
  if (tasks.length === 0) return 'no tasks that match'
  const shown = new Map(tasks.map((task) => [task.taskId, task]))
  const below = new Map<string | null, Summary[]>()
  for (const task of tasks) {
    const parent = task.dependsOnTasks.filter((id) => shown.has(id)).at(-1) ?? null
    below.set(parent, [...(below.get(parent) ?? []), task])
  }
  const lines: string[] = []
  const draw = (task: Summary, indent: string, branch: string) => {
    const parents = task.dependsOnTasks.length > 1 ? `  after ${task.dependsOnTasks.join(', ')}` : ''
    const text = `${printable(task.taskId)}  ${coloured(task.status, view.style)}  ${firstLine(task.taskDescription, 60)}`
    lines.push(`${indent}${branch}${text}${view.style.dim(printable(parents))}`)
  }
  // Without recursion, as a chain may be as long as the list.
  const pending = (below.get(null) ?? []).map((task) => ({ task, indent: '', branch: '' })).reverse()
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    draw(next.task, next.indent, next.branch)
    const children = below.get(next.task.taskId) ?? []
    const indent = next.indent + (next.branch === '' ? '' : next.branch === '└─ ' ? '   ' : '│  ')
    const drawn = children.map((task, index) => ({
      task,
      indent,
      branch: index === children.length - 1 ? '└─ ' : '├─ ',
    }))
    pending.push(...drawn.reverse())
  }
  return lines.join('\n')
}
