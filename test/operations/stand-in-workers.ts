import { TurboError } from '../../src/base/errors.ts'
import type { TaskLogService, Worker, WorkerService } from '../../src/orchestrator/index.ts'

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
