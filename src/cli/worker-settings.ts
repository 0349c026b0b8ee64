import type { Config } from '../config.ts'
import type { WorkerSettings } from '../worker/index.ts'

const CONCURRENCY_DEFAULT = 4
/** As long as service managers wait before they kill. */
const DRAIN_GRACE_MS = 30_000

/** What a worker of this process is told. */
export function workerSettings(
  { worker }: Config,
  only: Partial<Pick<WorkerSettings, 'platforms' | 'roles'>> = {},
): WorkerSettings {
  const { concurrency = CONCURRENCY_DEFAULT, capabilities, leaseSeconds, folder, environment, programs } = worker
  const { budgets, routes } = worker
  return {
    ...{ concurrency, capabilities, leaseSeconds, folder, environment, programs, budgets, routes },
    platforms: only.platforms ?? null,
    roles: only.roles ?? null,
    cwd: process.cwd(),
    drainGraceMs: DRAIN_GRACE_MS,
  }
}
