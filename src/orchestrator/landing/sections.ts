import { fromWire } from '../../base/wire.ts'
import type { Executor } from '../../db/executor.ts'
import { machineOf } from './machine.ts'
import {
  isMoreDocuments,
  listActiveServices,
  listFailures,
  listLiveSessions,
  listNodes,
  listPausedAccounts,
  listRecentTasks,
  listSources,
  readOpenWork,
  readStats,
  type TaskJson,
} from './queries.ts'
import type { Reading, Source } from './section-cache.ts'
import { measureIfDue } from './stats.ts'
import { plain } from './text.ts'
import {
  type BoundedCount,
  COUNT_MAX,
  type DatabaseStats,
  type FailureLine,
  type KnowledgeLine,
  type Landing,
  type LimitLine,
  type NodeLine,
  type Recall,
  type RecentTaskLine,
  type ServiceLine,
  type SessionLine,
  type SourceLine,
  type TaskLine,
  type Topic,
} from './types.ts'

/** Characters of a name, of a short text and of a long one as they are shown. */
const NAME_CHARS = 80
const SHORT_CHARS = 160
const LONG_CHARS = 320

/** What the parts of a landing context hold, in the order in which they are read. */
export interface Sections {
  systemNodes: NodeLine[]
  activeServices: ServiceLine[]
  documentationSources: SourceLine[]
  relevantKnowledge: KnowledgeLine[]
  recentFailures: FailureLine[]
  limits: LimitLine[]
  openWork: {
    counts: { running: BoundedCount; ready: BoundedCount; blocked: BoundedCount }
    running: TaskLine[]
    ready: TaskLine[]
    blocked: TaskLine[]
  }
  recentTasks: RecentTaskLine[]
  activeSessions: { total: BoundedCount; sessions: SessionLine[] }
  databaseStats: DatabaseStats | null
}

export type SectionName = keyof Sections

export interface SectionDeps {
  db: Executor
  recall: Recall
}

interface Section<T> {
  topics: readonly Topic[]
  /** What of the caller it depends on. */
  of(landing: Landing): Landing
  read(deps: SectionDeps, landing: Landing): Promise<Reading<T>>
}

const ofAll = (): Landing => ({})
const ofProject = ({ project }: Landing): Landing => ({ project })
const ofCaller = ({ project, role, goal }: Landing): Landing => ({ project, role, goal })

/** Each part with the topics that change it; each is one statement. */
const SECTIONS: { [Name in SectionName]: Section<Sections[Name]> } = {
  systemNodes: { topics: ['nodes'], of: ofAll, read: ({ db }) => readNodes(db) },
  activeServices: { topics: ['services'], of: ofAll, read: ({ db }) => readServices(db) },
  documentationSources: {
    topics: ['knowledge'],
    of: ofProject,
    read: ({ db }, { project }) => readSources(db, project),
  },
  relevantKnowledge: {
    topics: ['knowledge'],
    of: ofCaller,
    read: ({ recall }, landing) => readKnowledge(recall, landing),
  },
  recentFailures: {
    topics: ['tasks', 'knowledge'],
    of: ofProject,
    read: ({ db }, { project }) => readFailures(db, project),
  },
  limits: { topics: ['accounts'], of: ofAll, read: ({ db }) => readLimits(db) },
  openWork: { topics: ['tasks'], of: ofProject, read: ({ db }, { project }) => readWork(db, project) },
  recentTasks: { topics: ['tasks'], of: ofProject, read: ({ db }, { project }) => readRecentTasks(db, project) },
  activeSessions: { topics: ['sessions'], of: ofProject, read: ({ db }, { project }) => readSessions(db, project) },
  databaseStats: { topics: ['cache'], of: ofAll, read: ({ db }) => readDatabaseStats(db) },
}

export const SECTION_NAMES = Object.keys(SECTIONS) as SectionName[]

/** Where a section is read from for one caller. */
export function sourceOf(deps: SectionDeps, name: SectionName, landing: Landing): Source<Sections[SectionName]> {
  const { topics, of, read } = SECTIONS[name]
  const { project, role, goal } = of(landing)
  return { key: JSON.stringify([name, project, role, goal]), topics, read: () => read(deps, landing) }
}

const name = (text: string) => plain(text, NAME_CHARS)
const optional = (text: string | null, charsMax = NAME_CHARS) =>
  text === null || text === '' ? undefined : plain(text, charsMax)
const bounded = (count: number): BoundedCount => (count >= COUNT_MAX ? `${COUNT_MAX}+` : count)

/** The first moment at which one of `rows` says something else by itself. */
function validMsOf(rows: readonly { validSeconds: number | null }[]): number {
  return Math.min(...rows.map(({ validSeconds }) => (validSeconds ?? Number.POSITIVE_INFINITY) * 1_000))
}

async function readNodes(db: Executor): Promise<Reading<NodeLine[]>> {
  const rows = await listNodes(db)
  const value = rows.map((row) => {
    return { name: name(row.name), role: optional(row.role), status: row.status, machine: machineOf(row.facts) }
  })
  return { value, validMs: validMsOf(rows) }
}

async function readServices(db: Executor): Promise<Reading<ServiceLine[]>> {
  const rows = await listActiveServices(db)
  const value = rows.map((row) => ({
    name: name(row.name),
    type: optional(row.type),
    node: optional(row.node),
    url: optional(row.url, SHORT_CHARS),
    port: row.url === null ? (row.port ?? undefined) : undefined,
    version: optional(row.version),
    status: row.status,
    detail: optional(row.detail, SHORT_CHARS),
  }))
  return { value, validMs: validMsOf(rows) }
}

async function readSources(db: Executor, project: string | undefined): Promise<Reading<SourceLine[]>> {
  const rows = await listSources(db, project)
  const value = rows.map(({ source, documents, ...row }) => ({
    source: name(source),
    project: optional(row.project),
    documents: isMoreDocuments(documents) ? (`${documents}+` as const) : documents,
  }))
  return { value }
}

async function readKnowledge(recall: Recall, landing: Landing): Promise<Reading<KnowledgeLine[]>> {
  const items = await recall(landing)
  const value = items.map(({ id, knowledgeType, project, title, text }) => ({
    id,
    type: name(knowledgeType),
    project: optional(project),
    title: optional(title, SHORT_CHARS),
    text: plain(text, LONG_CHARS),
  }))
  return { value }
}

async function readFailures(db: Executor, project: string | undefined): Promise<Reading<FailureLine[]>> {
  const rows = await listFailures(db, project)
  const value = rows.map(({ taskId, taskType, completedAt, description, error, learned }) => ({
    taskId: name(taskId),
    type: name(taskType),
    failedAt: completedAt ?? undefined,
    description: plain(description, SHORT_CHARS),
    error: optional(error, SHORT_CHARS),
    learned: learned.length === 0 ? undefined : learned.map(({ id, text }) => ({ id, text: plain(text, SHORT_CHARS) })),
  }))
  return { value }
}

async function readLimits(db: Executor): Promise<Reading<LimitLine[]>> {
  const rows = await listPausedAccounts(db)
  const value = rows.map(({ account, platform, pausedUntil, reason }) => {
    return { account: name(account), platform: name(platform), pausedUntil, reason: optional(reason, SHORT_CHARS) }
  })
  return { value, validMs: validMsOf(rows) }
}

async function readWork(db: Executor, project: string | undefined): Promise<Reading<Sections['openWork']>> {
  const { running, ready, blocked, runningCount, readyCount, blockedCount } = await readOpenWork(db, project)
  const counts = { running: bounded(runningCount), ready: bounded(readyCount), blocked: bounded(blockedCount) }
  return {
    value: { counts, running: running.map(taskLine), ready: ready.map(taskLine), blocked: blocked.map(taskLine) },
  }
}

function taskLine(json: TaskJson): TaskLine {
  const task = fromWire(json)
  return {
    taskId: name(task.taskId),
    type: name(task.taskType),
    priority: task.taskPriority,
    role: optional(task.assignedToRole),
    platform: optional(task.assignedToPlatform),
    worker: optional(task.assignedWorkerId),
    waitsFor: task.waitsFor?.map(name),
    // What it waits for says this one.
    reason: task.reason === 'dependencies' ? undefined : optional(task.reason, SHORT_CHARS),
    description: plain(task.description, SHORT_CHARS),
  }
}

async function readRecentTasks(db: Executor, project: string | undefined): Promise<Reading<RecentTaskLine[]>> {
  const rows = await listRecentTasks(db, project)
  const value = rows.map(({ taskId, taskType, status, description }) => {
    return { taskId: name(taskId), type: name(taskType), status, description: plain(description, SHORT_CHARS) }
  })
  return { value }
}

async function readSessions(db: Executor, project: string | undefined): Promise<Reading<Sections['activeSessions']>> {
  const rows = await listLiveSessions(db, project)
  const sessions = rows.map((row) => ({
    sessionId: name(row.sessionId),
    platform: name(row.agentPlatform),
    role: name(row.agentRole),
    status: row.status,
    project: optional(row.project),
    goal: optional(row.goal, SHORT_CHARS),
  }))
  return { value: { total: bounded(rows[0]?.total ?? 0), sessions } }
}

/** The figures as last measured; measured now only where there are none, on a store that is new. */
async function readDatabaseStats(db: Executor): Promise<Reading<DatabaseStats | null>> {
  const known = await readStats(db)
  if (known !== null) return { value: known }
  await measureIfDue(db)
  return { value: await readStats(db) }
}
