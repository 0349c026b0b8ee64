import type { Log } from '../../base/log.ts'
import type { Database } from '../../db/executor.ts'
import { createTasks } from './create.ts'
import { getTask, list, listAttempts } from './read.ts'
import { cancel, report, retry } from './report.ts'
import { createClock, createRepair } from './sweep.ts'
import type { Attempt, CreatedTask, ListTasksInput, Task, TaskInput, TaskPage, TaskReport } from './types.ts'

/** The verbs on tasks. */
export interface TaskService {
  /** Creates one task. `seed` makes its id; see {@link createTasks}. */
  create(input: TaskInput, seed?: string): Promise<CreatedTask>
  /** Creates tasks that may refer to each other, all or none; answers in their order. */
  createBatch(inputs: TaskInput[], seed?: string): Promise<CreatedTask[]>
  get(taskId: string): Promise<Task>
  list(input: ListTasksInput): Promise<TaskPage>
  listAttempts(
    taskId: string,
    page: { limit?: number; cursor?: string },
  ): Promise<{ attempts: Attempt[]; nextCursor: string | null }>
  report(taskId: string, input: TaskReport): Promise<Task>
  cancel(taskId: string): Promise<Task>
  retry(taskId: string): Promise<Task>
}

/** {@link TaskService} with what keeps the queue true behind it. */
export interface Tasks extends TaskService {
  start(): void
  stop(): Promise<void>
}

export function createTaskService(deps: { db: Database; log: Log }): Tasks {
  const { db } = deps
  const loops = [createClock(deps), createRepair(deps)]
  return {
    async create(input, seed) {
      const [made] = await createTasks(db, [input], { seed, pointerOf: () => '' })
      return made as CreatedTask
    },
    createBatch: (inputs, seed) => createTasks(db, inputs, { seed, pointerOf: (index) => `/tasks/${index}` }),
    get: (taskId) => getTask(db, taskId),
    list: (input) => list(db, input),
    listAttempts: (taskId, page) => listAttempts(db, taskId, page),
    report: (taskId, input) => report(db, taskId, input),
    cancel: (taskId) => cancel(db, taskId),
    retry: (taskId) => retry(db, taskId),
    start: () => {
      for (const loop of loops) loop.start()
    },
    stop: async () => {
      await Promise.all(loops.map((loop) => loop.stop()))
    },
  }
}
