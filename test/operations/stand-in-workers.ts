import { TurboError } from '../../src/base/errors.ts'
import type { FiguresService, TaskLogService, Worker, WorkerService } from '../../src/orchestrator/index.ts'

/** The worker that exists. */
export const WORKER_ID = 'alpha/0c5d3f2a'

/** The task that has a log. */
export const TASK_ID = 'task_00000000000a'

const worker: Worker = {
  workerId: WORKER_ID,
  host: 'alpha',
  pid: 12,
  version: '1.2.3',
  status: 'active',
  platforms: ['claude_code'],
  roles: null,
  capabilities: [],
  concurrency: 4,
  running: 1,
  programs: [{ platform: 'claude_code', isInstalled: true, version: '2.1.197', loggedIn: 'yes' }],
  startedAt: '2026-11-20T13:55:56.123456Z',
  lastSeen: '2026-11-20T13:55:56.123456Z',
}

export function standInWorkers(): WorkerService {
  return {
    list: async () => ({ workers: [worker] }),
    async drain(workerId) {
      if (workerId !== WORKER_ID) throw new TurboError('not_found', `there is no worker ${workerId}`)
      return { ...worker, status: 'draining' }
    },
  }
}

/** A queue in which one worker claims as soon as somebody listens. */
export function standInFigures(): FiguresService {
  return {
    read: async () => ({
      ...{ readyTasks: 3, oldestReadySeconds: 12.5, busySlots: 2, slots: 4 },
      pauses: [{ platform: 'codex', seconds: 60 }],
      recentAttempts: [
        { outcome: 'completed', count: 5, costUsd: 0.25 },
        { outcome: 'lease_expired', count: 1, costUsd: 0.5 },
      ],
      deadTuples: [{ table: 'agent_tasks', count: 7 }],
    }),
    onClaim: (listener) => listener({ tookSeconds: 0.003, waitedSeconds: [0.02, 7] }),
  }
}

export function standInTaskLog(): TaskLogService {
  return {
    async list(taskId) {
      if (taskId !== TASK_ID) throw new TurboError('not_found', `there is no task ${taskId}`)
      const loggedAt = '2026-11-20T13:55:56.123456Z'
      return { entries: [{ attemptNumber: 1, seq: 3, kind: 'text', body: 'done', loggedAt }], nextCursor: '1.3' }
    },
    async follow(taskId) {
      if (taskId !== TASK_ID) throw new TurboError('not_found', `there is no task ${taskId}`)
      return (async function* () {
        yield { kind: 'end', taskId, status: 'completed' }
      })()
    },
  }
}
