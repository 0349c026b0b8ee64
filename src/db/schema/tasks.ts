import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { agentSessions } from './sessions.ts'
import { dollars, instant } from './types.ts'

/** Delegated work. What a row says of waiting (`lane`, `queue_rank`, `dependencies_left`) is kept by triggers. */
export const agentTasks = pgTable(
  'agent_tasks',
  {
    taskId: text().primaryKey(),
    /** The order in which tasks came, for ties. */
    taskSeq: bigint({ mode: 'number' }).generatedAlwaysAsIdentity(),
    sessionId: text().references(() => agentSessions.sessionId, { onDelete: 'set null' }),
    planId: text(),
    project: text(),
    taskType: text().notNull(),
    taskDescription: text().notNull(),
    taskPriority: integer().notNull().default(5),
    assignedToRole: text(),
    assignedToPlatform: text(),
    requiredCapabilities: text().array().notNull().default(sql`'{}'`),
    requiredContext: jsonb().notNull().default({}),
    inputData: jsonb().notNull().default({}),
    outputData: jsonb(),
    /** Checks that the result must pass. */
    verify: jsonb(),
    status: text().notNull().default('pending'),
    dependsOnTasks: text().array().notNull().default(sql`'{}'`),
    /** By parent's id: `{"after": "success"|"end", "on_failure": "block"|"skip"|"cancel"}`; success and block unless said. */
    dependencyPolicies: jsonb().notNull().default({}),
    dependenciesLeft: integer().notNull().default(0),
    progressPercentage: integer().notNull().default(0),
    currentStep: text(),
    errorMessage: text(),
    /** Longest run. */
    timeoutSeconds: integer().notNull().default(300),
    /** Longest wait until it is claimed, from when it could be. */
    queueTimeoutSeconds: integer(),
    /** Longest silence of a run. */
    stallTimeoutSeconds: integer(),
    /** Longest time from creation to end. */
    totalTimeoutSeconds: integer(),
    maxRetries: integer().notNull().default(3),
    /** Runs that failed by the task's own fault. */
    retryCount: integer().notNull().default(0),
    maxInfraRetries: integer().notNull().default(10),
    /** Runs that were lost: worker gone, lease expired. */
    infraRetryCount: integer().notNull().default(0),
    /** Runs that a worker began, however they ended. */
    attemptCount: integer().notNull().default(0),
    dedupeKey: text(),
    concurrencyKey: text(),
    /** How many tasks with the same concurrency key may run at once. */
    concurrencyLimit: integer().notNull().default(1),
    assignedWorkerId: text(),
    runAfter: instant(),
    /** Tasks of one lane are the same to a worker: platform, role, capabilities, concurrency key. */
    lane: text().notNull().default(''),
    /** Since when it may be claimed. */
    readyAt: instant(),
    /** `ready_at`, later where tasks of its session wait already: they share the queue with other sessions. */
    queueStart: instant(),
    /** Position in the queue: `queue_start`, earlier by its priority. Null while `run_after` lies ahead. */
    queueRank: instant(),
    /** When one of its time limits ends it, as it stands now. */
    deadlineAt: instant(),
    /** When it was last put back from an end; the total time counts from there. */
    requeuedAt: instant(),
    cancelRequestedAt: instant(),
    createdAt: instant().notNull().defaultNow(),
    startedAt: instant(),
    completedAt: instant(),
    updatedAt: instant().notNull().defaultNow(),
    reviewStatus: text().notNull().default('none'),
    metadata: jsonb().notNull().default({}),
  },
  (t) => [
    // Both conditions imply `status = 'pending'`, which they do not say: no other index can then pass for them, whatever
    // the statistics are.
    index('agent_tasks_queue').on(t.lane, t.queueRank, t.taskSeq).where(sql`queue_rank is not null`),
    index('agent_tasks_scheduled').on(t.runAfter).where(sql`status = 'pending' and queue_rank is null`),
    index('agent_tasks_session_queue').on(t.sessionId, t.queueStart).where(sql`queue_start is not null`),
    index('agent_tasks_deadline').on(t.deadlineAt).where(sql`deadline_at is not null`),
    uniqueIndex('agent_tasks_seq').on(t.taskSeq),
    index('agent_tasks_live').on(t.status, t.taskSeq).where(sql`status in ('pending', 'blocked', 'running')`),
    index('agent_tasks_next').on(t.queueRank, t.taskSeq).where(sql`status = 'pending' and queue_rank is not null`),
    index('agent_tasks_project_live')
      .on(t.project, t.status, t.queueRank, t.taskSeq)
      .where(sql`status in ('pending', 'blocked', 'running') and project is not null`),
    index('agent_tasks_project_created').on(t.project, t.createdAt).where(sql`project is not null`),
    index('agent_tasks_failed').on(t.completedAt).where(sql`status = 'failed'`),
    index('agent_tasks_session').on(t.sessionId, t.taskSeq),
    index('agent_tasks_plan').on(t.planId).where(sql`plan_id is not null`),
    index('agent_tasks_created').on(t.createdAt),
    index('agent_tasks_ended').on(t.completedAt).where(sql`completed_at is not null`),
    uniqueIndex('agent_tasks_dedupe')
      .on(t.dedupeKey)
      .where(sql`dedupe_key is not null and status in ('pending', 'blocked', 'running')`),
    check('agent_tasks_priority', sql`task_priority between 1 and 10`),
    check('agent_tasks_progress', sql`progress_percentage between 0 and 100`),
    check('agent_tasks_status', sql`status in ('pending', 'blocked', 'running', 'completed', 'failed', 'cancelled')`),
    check('agent_tasks_review', sql`review_status in ('none', 'approved', 'rejected', 'needs_revision')`),
    check('agent_tasks_concurrency_limit', sql`concurrency_limit > 0`),
  ],
)

/** What a task waits for. Rows follow `agent_tasks.depends_on_tasks`, by a trigger. */
export const taskDependencies = pgTable(
  'task_dependencies',
  {
    taskId: text()
      .notNull()
      .references(() => agentTasks.taskId, { onDelete: 'cascade' }),
    dependsOn: text().notNull(),
    /** When it is met: the parent succeeded, or ended in any way. */
    after: text().notNull().default('success'),
    /** What becomes of the task when the parent did not succeed. */
    onFailure: text().notNull().default('block'),
    met: boolean().notNull().default(false),
  },
  (t) => [
    primaryKey({ columns: [t.taskId, t.dependsOn] }),
    index('task_dependencies_parent').on(t.dependsOn),
    check('task_dependencies_after', sql`"after" in ('success', 'end')`),
    check('task_dependencies_on_failure', sql`on_failure in ('block', 'skip', 'cancel')`),
    check('task_dependencies_other', sql`depends_on <> task_id`),
  ],
)

/** One row a run of a task: the claim makes it, every later write of the worker names it. */
export const taskAttempts = pgTable(
  'task_attempts',
  {
    attemptId: uuid().primaryKey().defaultRandom(),
    taskId: text()
      .notNull()
      .references(() => agentTasks.taskId, { onDelete: 'cascade' }),
    attemptNumber: integer().notNull(),
    workerId: text().notNull(),
    host: text(),
    pid: integer(),
    startedAt: instant().notNull().defaultNow(),
    endedAt: instant(),
    /** How it ended; null while it runs. */
    outcome: text(),
    failureClass: text(),
    exitCode: integer(),
    cliSessionId: text(),
    errorMessage: text(),
    usage: jsonb(),
    costUsd: dollars(),
    /** What was set aside for it before it began; counts against budgets while it runs. */
    reservedUsd: dollars(),
  },
  (t) => [
    uniqueIndex('task_attempts_number').on(t.taskId, t.attemptNumber),
    index('task_attempts_paid').on(t.startedAt).where(sql`reserved_usd is not null or cost_usd is not null`),
    check(
      'task_attempts_outcome',
      sql`outcome in ('completed', 'failed', 'cancelled', 'released', 'lease_expired', 'timed_out', 'fenced')`,
    ),
  ],
)

/** The running tasks: narrow, and written at each heartbeat. A task leaves `running` and loses its lease in one statement. */
export const taskLeases = pgTable(
  'task_leases',
  {
    taskId: text().primaryKey(),
    attemptId: uuid().notNull(),
    workerId: text().notNull(),
    sessionId: text(),
    concurrencyKey: text(),
    leaseUntil: instant().notNull(),
    /** When the run is overdue, by the task's timeout. */
    runUntil: instant().notNull(),
  },
  (t) => [
    index('task_leases_worker').on(t.workerId),
    index('task_leases_concurrency').on(t.concurrencyKey).where(sql`concurrency_key is not null`),
  ],
)

/** The processes that run tasks, and what each can run. */
export const workers = pgTable(
  'workers',
  {
    workerId: text().primaryKey(),
    nodeName: text(),
    pid: integer(),
    version: text(),
    platforms: text().array().notNull().default(sql`'{}'`),
    /** Null: any role. */
    roles: text().array(),
    capabilities: text().array().notNull().default(sql`'{}'`),
    concurrency: integer().notNull().default(1),
    status: text().notNull().default('active'),
    startedAt: instant().notNull().defaultNow(),
    lastSeen: instant().notNull().defaultNow(),
    metadata: jsonb().notNull().default({}),
  },
  (t) => [
    index('workers_seen').on(t.lastSeen),
    check('workers_status', sql`status in ('active', 'draining', 'stopped')`),
    check('workers_concurrency', sql`concurrency between 1 and 64`),
  ],
)

/** Subscriptions and API accounts that agents run on, paused while a limit holds. */
export const agentAccounts = pgTable('agent_accounts', {
  accountKey: text().primaryKey(),
  platform: text().notNull(),
  pausedUntil: instant(),
  reason: text(),
  updatedAt: instant().notNull().defaultNow(),
})
