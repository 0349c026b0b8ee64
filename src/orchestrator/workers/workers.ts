import { TurboError } from '../../base/errors.ts'
import type { Database } from '../../db/executor.ts'
import { deleteOldWorkers, requestDrain, selectWorkers, setWorkerStatus, upsertWorker } from './queries.ts'
import type { WorkerRegistry } from './types.ts'

export function createWorkers({ db }: { db: Database }): WorkerRegistry {
  const known = new Set<string>()
  return {
    list: async () => ({ workers: await selectWorkers(db) }),
    async drain(workerId) {
      const worker = await requestDrain(db, workerId)
      if (worker === undefined) {
        throw new TurboError('not_found', `there is no worker ${workerId}`, { next: 'List workers to see their ids.' })
      }
      return worker
    },
    async tell(presence) {
      const status = await upsertWorker(db, presence)
      if (!known.has(presence.workerId)) await deleteOldWorkers(db)
      known.add(presence.workerId)
      return { drain: status === 'draining' }
    },
    async leave(workerId, status) {
      if (status === 'stopped') known.delete(workerId)
      await setWorkerStatus(db, workerId, status)
    },
  }
}
