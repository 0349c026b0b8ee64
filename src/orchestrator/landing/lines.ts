import { toWire } from '../../base/wire.ts'
import type { Sections } from './sections.ts'
import { named, quoted } from './text.ts'
import type {
  DatabaseStats,
  FailureLine,
  KnowledgeLine,
  LimitLine,
  NodeLine,
  RecentTaskLine,
  SectionError,
  ServiceLine,
  SessionLine,
  SourceLine,
  TaskLine,
} from './types.ts'

/** Lines of one kind, in the order in which they are shown. */
export const GROUPS = [
  'systemNodes',
  'activeServices',
  'documentationSources',
  'relevantKnowledge',
  'recentFailures',
  'limits',
  'openWork.running',
  'openWork.ready',
  'openWork.blocked',
  'recentTasks',
  'activeSessions',
  'databaseStats',
  'errors',
] as const

export type Group = (typeof GROUPS)[number]

/**
 * How useful the lines of a group are: the place of its first line in the order of usefulness, and how far each further
 * one stands behind. What an agent would trip over comes first, what it could easily ask for last.
 */
const USEFULNESS: Record<Group, { first: number; step: number }> = {
  errors: { first: 0, step: 1 },
  limits: { first: 0, step: 1 },
  relevantKnowledge: { first: 0, step: 3 },
  'openWork.ready': { first: 1, step: 4 },
  'openWork.running': { first: 2, step: 5 },
  'openWork.blocked': { first: 3, step: 6 },
  recentFailures: { first: 3, step: 6 },
  activeSessions: { first: 6, step: 7 },
  systemNodes: { first: 8, step: 4 },
  activeServices: { first: 8, step: 4 },
  databaseStats: { first: 10, step: 1 },
  documentationSources: { first: 12, step: 6 },
  recentTasks: { first: 14, step: 6 },
}

/** One fact, in both formats. */
export interface Line {
  group: Group
  /** Low is useful. */
  rank: number
  item: unknown
  /** The item as it is sent. */
  json: string
  /** As a line of Markdown. */
  text: string
}

/** All lines, the most useful first. */
export function linesOf(sections: Partial<Sections>, errors: SectionError[]): Line[] {
  const { openWork, activeSessions, databaseStats } = sections
  const lines = [
    ...group('errors', errors, errorText),
    ...group('limits', sections.limits, limitText),
    ...group('relevantKnowledge', sections.relevantKnowledge, knowledgeText),
    ...group('openWork.ready', openWork?.ready, (task) => taskText('ready', task)),
    ...group('openWork.running', openWork?.running, (task) => taskText('running', task)),
    ...group('openWork.blocked', openWork?.blocked, (task) => taskText('blocked', task)),
    ...group('recentFailures', sections.recentFailures, failureText),
    ...group('activeSessions', activeSessions?.sessions, sessionText),
    ...group('systemNodes', sections.systemNodes, nodeText),
    ...group('activeServices', sections.activeServices, serviceText),
    ...group('databaseStats', databaseStats ? [databaseStats] : [], statsText),
    ...group('documentationSources', sections.documentationSources, sourceText),
    ...group('recentTasks', sections.recentTasks, recentTaskText),
  ]
  // Sorting keeps the order of equals, so that equal states give equal lines.
  return lines.sort((a, b) => a.rank - b.rank)
}

function group<Item>(name: Group, items: Item[] | undefined, textOf: (item: Item) => string): Line[] {
  const { first, step } = USEFULNESS[name]
  return (items ?? []).map((item, index) => ({
    group: name,
    rank: first + index * step,
    item,
    json: JSON.stringify(toWire(item)),
    text: `- ${textOf(item)}`,
  }))
}

/** The parts that are there, joined. */
function list(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(', ')
}

const labelled = (label: string, name: string | undefined) =>
  name === undefined ? undefined : `${label} ${named(name)}`

function nodeText({ name, role, status, machine }: NodeLine): string {
  return list(named(name), labelled('role', role), named(status), machine === undefined ? undefined : quoted(machine))
}

function serviceText({ name, type, node, url, port, version, status, detail }: ServiceLine): string {
  const place = url === undefined ? labelled('port', port?.toString()) : named(url)
  const reason = detail === undefined ? undefined : quoted(detail)
  return list(
    named(name),
    status,
    labelled('type', type),
    labelled('version', version),
    place,
    labelled('on', node),
    reason,
  )
}

function sourceText({ source, project, documents }: SourceLine): string {
  return list(named(source), labelled('project', project), `${documents} ${documents === 1 ? 'document' : 'documents'}`)
}

function knowledgeText({ id, type, project, title, text }: KnowledgeLine): string {
  const head = list(
    `#${id} ${named(type)}`,
    labelled('project', project),
    title === undefined ? undefined : quoted(title),
  )
  return `${head}: ${quoted(text)}`
}

function failureText({ taskId, type, failedAt, description, error, learned = [] }: FailureLine): string {
  const head = list(named(taskId), named(type), labelled('failed', failedAt))
  const lessons = learned.map(({ id, text }) => `#${id} ${quoted(text)}`).join(', ')
  const why = error === undefined ? '' : `; error ${quoted(error)}`
  return `${head}: ${quoted(description)}${why}${lessons === '' ? '' : `; learned ${lessons}`}`
}

function limitText({ account, platform, pausedUntil, reason }: LimitLine): string {
  const why = reason === undefined ? '' : `: ${quoted(reason)}`
  return `account ${named(account)} of ${named(platform)} is paused until ${pausedUntil}${why}`
}

function taskText(state: string, task: TaskLine): string {
  const { taskId, type, priority, role, platform, worker, waitsFor, reason, description } = task
  const place = list(labelled('role', role), labelled('platform', platform), labelled('on', worker))
  const head = list(`${state} ${named(taskId)}`, named(type), `priority ${priority}`, place === '' ? undefined : place)
  const parents = waitsFor === undefined ? '' : `; waits for ${waitsFor.map(named).join(', ')}`
  return `${head}: ${quoted(description)}${parents}${reason === undefined ? '' : `; because ${quoted(reason)}`}`
}

function recentTaskText({ taskId, type, status, description }: RecentTaskLine): string {
  return `${list(`${status} ${named(taskId)}`, named(type))}: ${quoted(description)}`
}

function sessionText({ sessionId, platform, role, status, project, goal }: SessionLine): string {
  const head = list(named(sessionId), `${named(role)} on ${named(platform)}`, status, labelled('project', project))
  return goal === undefined ? head : `${head}: ${quoted(goal)}`
}

function statsText(stats: DatabaseStats): string {
  const { totalSizeMb, knowledgeItems, documents, sessions, tasks, actions, measuredAt } = stats
  const counts = `${knowledgeItems} items of knowledge, ${documents} documents, ${sessions} sessions, ${tasks} tasks, ${actions} actions`
  return `${totalSizeMb} MB, ${counts}; as measured ${measuredAt}`
}

function errorText({ section, code }: SectionError): string {
  return `${section} could not be read (${code})`
}
