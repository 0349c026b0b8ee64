import { TurboError } from '../../src/base/errors.ts'
import type { Task, TaskService, TaskSummary } from '../../src/orchestrator/index.ts'

const NOW = '2026-11-20T13:55:56.123456Z'

/** A task as {@link standInTasks} has one from the beginning, `task_1`. */
export function summaryOf(fields: Partial<TaskSummary> = {}): TaskSummary {
  return {
    taskId: 'task_1',
    sessionId: null,
    planId: null,
    project: 'shop',
    taskType: 'analysis',
    taskDescription: 'look at it',
    taskPriority: 5,
    assignedToRole: null,
    assignedToPlatform: 'codex',
    status: 'pending',
    blockedReason: null,
    dependsOnTasks: [],
    dependenciesLeft: 0,
    progressPercentage: 0,
    currentStep: null,
    errorMessage: null,
    assignedWorkerId: null,
    retryCount: 0,
    infraRetryCount: 0,
    attemptCount: 1,
    reviewStatus: 'none',
    cancelRequestedAt: null,
    runAfter: null,
    createdAt: NOW,
    startedAt: null,
    completedAt: null,
    updatedAt: NOW,
    ...fields,
  }
}

/** All of a task. */
export function taskOf(fields: Partial<Task> = {}): Task {
  return {
    ...summaryOf(),
    requiredCapabilities: [],
    requiredContext: { aB: 1 },
    inputData: {},
    outputData: null,
    verify: null,
    timeoutSeconds: 300,
    queueTimeoutSeconds: null,
    stallTimeoutSeconds: null,
    totalTimeoutSeconds: null,
    maxRetries: 3,
    maxInfraRetries: 10,
    dedupeKey: null,
    concurrencyKey: null,
    concurrencyLimit: 1,
    readyAt: NOW,
    deadlineAt: null,
    metadata: {},
    dependencies: [{ taskId: 'task_0', after: 'success', onFailure: 'block', met: true, status: 'completed' }],
    whyWaiting: [{ reason: 'queue', detail: 'number 1 of the tasks that the same workers can run' }],
    attempts: [
      {
        attemptId: '00000000-0000-4000-8000-000000000000',
        attemptNumber: 1,
        workerId: 'w1',
        host: 'node',
        pid: 12,
        startedAt: NOW,
        endedAt: NOW,
        outcome: 'released',
        failureClass: null,
        exitCode: null,
        cliSessionId: null,
        errorMessage: null,
        usage: { input_tokens: 5 },
        costUsd: 0.25,
      },
    ],
    costUsd: 0.25,
    ...fields,
  }
}

/** Tasks in memory; the real rules are tested in test/orchestrator. */
export function standInTasks(enter: (verb: string, input: unknown) => Promise<void>): TaskService {
  const tasks = new Map<string, Task>([['task_1', taskOf()]])
  const get = (taskId: string) => {
    const task = tasks.get(taskId)
    if (task === undefined) throw new TurboError('not_found', 'there is no such task')
    return task
  }
  const on = (verb: string, change: (task: Task) => Partial<Task>) => async (taskId: string, input?: object) => {
    await enter(verb, { taskId, ...input })
    tasks.set(taskId, { ...get(taskId), ...change(get(taskId)) })
    return get(taskId)
  }
  const create = (taskId: string | undefined, fields: Partial<Task>) => {
    const task = taskOf({ ...fields, taskId: taskId ?? `task_${tasks.size + 1}` })
    tasks.set(task.taskId, task)
    return { taskId: task.taskId, status: task.status }
  }
  return {
    create: async ({ taskId, taskType, dedupeKey }, seed) => {
      await enter('createTask', { taskType, seed })
      const twin = [...tasks.values()].find((task) => dedupeKey !== undefined && task.dedupeKey === dedupeKey)
      if (twin !== undefined) return { taskId: twin.taskId, status: twin.status, duplicate: true }
      return create(taskId, { taskType, dedupeKey: dedupeKey ?? null })
    },
    createBatch: async (inputs, seed) => {
      await enter('createTasks', { inputs, seed })
      return inputs.map(({ taskId, taskType }) => create(taskId, { taskType }))
    },
    get: on('getTask', () => ({})),
    list: async (input) => {
      await enter('listTasks', input)
      return { tasks: [summaryOf()], nextCursor: null }
    },
    listAttempts: async (taskId, page) => {
      await enter('listTaskAttempts', { taskId, ...page })
      return { attempts: get(taskId).attempts, nextCursor: null }
    },
    report: on('reportTask', () => ({ status: 'completed' })),
    cancel: on('cancelTask', () => ({ status: 'cancelled' })),
    retry: on('retryTask', () => ({ status: 'pending' })),
  }
}
