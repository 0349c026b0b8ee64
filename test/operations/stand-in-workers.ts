import { TurboError } from '../../src/base/errors.ts'
import type { Worker, WorkerService } from '../../src/orchestrator/index.ts'

/** The worker that exists. */
export const WORKER_ID = 'alpha/0c5d3f2a'

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
