import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { vi } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import { openDatabase, type Store } from '../../src/db/index.ts'
import { createOrchestrator, type Orchestrator, type Task, type TaskInput } from '../../src/orchestrator/index.ts'
import { createWorker, type Worker, type WorkerServices, type WorkerSettings } from '../../src/worker/index.ts'
import { type TestPlace, testPlace } from './database.ts'

/** A queue in a store of its own, and workers on it. */
export interface WorkerWorld {
  db: Store
  url: string
  orchestrator: Orchestrator
  /** A folder for what tasks write; also where workers keep theirs. */
  folder: string
  /** A worker in this process, on connections of its own; ended with the world. */
  worker(settings?: Partial<WorkerSettings>, change?: (services: WorkerServices) => WorkerServices): Promise<Worker>
  /** Creates a task of the platform `command` that runs `script` in {@link folder}; its id. */
  add(script: string, fields?: Partial<TaskInput>): Promise<string>
  /** The task, when it is in one of the states. */
  reaches(taskId: string, status: Task['status'], timeoutMs?: number): Promise<Task>
  drop(): Promise<void>
}

export const WAIT_MS = 20_000

/** @param place where the store is; by default on the engine of this project */
export async function workerWorld(place?: TestPlace): Promise<WorkerWorld> {
  const { config, drop } = place ?? (await testPlace('migrated'))
  const db = await openDatabase(config)
  const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-workers-'))
  const log = createLog({ level: 'silent' })
  const over = (store: Store) =>
    createOrchestrator({
      ...{ db: store, log, countTokens: (text: string) => text.length },
      writtenKnowledge: async () => ({ items: [], nextCursor: null }),
      recall: async () => ({ items: [], degraded: [] }) as never,
    })
  const orchestrator = over(db)
  const workers: Worker[] = []
  const stores: Store[] = []
  return {
    db,
    url: config.url ?? '',
    orchestrator,
    folder,
    async worker(settings = {}, change = (services) => services) {
      const store = await openDatabase({ ...config, poolMin: 0 })
      stores.push(store)
      const { queue, workers: registry, accounts, tasks, taskLog } = over(store)
      const services: WorkerServices = {
        ...{ log, queue, accounts, tasks, taskLog, workers: registry, countTokens: (text: string) => text.length },
        listen: (channel, handlers) => store.listen(channel, handlers),
        recall: async () => [],
      }
      const worker = createWorker({ ...SETTINGS, folder: join(folder, 'worker'), ...settings }, change(services))
      workers.push(worker)
      return worker
    },
    async add(script, fields = {}) {
      const inputData = { argv: ['sh', '-c', script], cwd: folder }
      const base = { taskType: 'test', taskDescription: 'a test', assignedToPlatform: 'command', inputData }
      return (await orchestrator.tasks.create({ ...base, ...fields })).taskId
    },
    reaches: (taskId, status, timeoutMs = WAIT_MS) =>
      vi.waitFor(
        async () => {
          const task = await orchestrator.tasks.get(taskId)
          if (task.status !== status) throw new Error(`${taskId} is ${task.status}: ${task.errorMessage}`)
          return task
        },
        { timeout: timeoutMs, interval: 25 },
      ),
    async drop() {
      await Promise.all(workers.map((worker) => worker.stop()))
      await Promise.all([db, ...stores].map((store) => store.stop()))
      rmSync(folder, { recursive: true, force: true })
      await drop()
    },
  }
}

const SETTINGS: Omit<WorkerSettings, 'folder'> = {
  concurrency: 4,
  leaseSeconds: 60,
  platforms: ['command'],
  roles: null,
  capabilities: [],
  cwd: tmpdir(),
  environment: { PATH: process.env.PATH },
  programs: {},
  budgets: {},
  routes: {},
  drainGraceMs: 0,
}

/** Lets tasks that wait after a failure run at once. */
export async function skipBackoff(db: Store): Promise<void> {
  await db.query(sql`update agent_tasks set run_after = null where status = 'pending' and run_after is not null`)
}
