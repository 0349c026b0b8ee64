import { sql } from 'drizzle-orm'
import { createLog } from '../../src/base/log.ts'
import type { Database } from '../../src/db/executor.ts'
import { openDatabase, type Store } from '../../src/db/index.ts'
import { countTokens, createKnowledge, type Knowledge } from '../../src/knowledge/index.ts'
import {
  createOrchestrator,
  type LandingContext,
  type LandingInput,
  type Orchestrator,
} from '../../src/orchestrator/index.ts'
import { engine, testPlace } from './database.ts'
import { fakeEmbedder } from './embedder.ts'

/** A process that lands agents on the store. */
export interface LandingProcess {
  db: Store
  knowledge: Knowledge
  orchestrator: Orchestrator
  /** Statements that landing and nodes have sent so far. */
  statements(): number
  context(input?: Omit<LandingInput, 'format'>): Promise<LandingContext>
  prompt(input?: Omit<LandingInput, 'format'>): Promise<string>
  stop(): Promise<void>
}

export interface LandingWorld extends LandingProcess {
  /** Another process on the same store: one more with a pool of its own on a server, with the same engine embedded. */
  peer(options?: { start?: boolean }): Promise<LandingProcess>
  drop(): Promise<void>
}

/** A store of its own with a process on it, started unless told otherwise. */
export async function landingWorld({ start = true }: { start?: boolean } = {}): Promise<LandingWorld> {
  const place = await testPlace('migrated')
  const db = await openDatabase(place.config)
  const processes: LandingProcess[] = []
  const open = async (store: Store, starts: boolean) => {
    const opened = await landingProcess(store, db)
    processes.push(opened)
    if (starts) await Promise.all([opened.knowledge.start(), opened.orchestrator.start()])
    return opened
  }
  const main = await open(db, start)
  return {
    ...main,
    peer: async (options = {}) =>
      open(engine === 'embedded' ? db : await openDatabase(place.config), options.start ?? true),
    drop: async () => {
      await Promise.all(processes.map((process) => process.stop()))
      await db.stop()
      await place.drop()
    },
  }
}

async function landingProcess(store: Store, shared: Store): Promise<LandingProcess> {
  let statements = 0
  const counting: Database = {
    engine: store.engine,
    query: (statement) => {
      statements += 1
      return store.query(statement)
    },
    transaction: (work) => store.transaction(work),
    listen: (channel, handlers) => store.listen(channel, handlers),
    tryExclusive: (lock, work) => store.tryExclusive(lock, work),
    stop: () => store.stop(),
  }
  const log = createLog({ level: 'silent' })
  const onWrite = () => orchestrator.landing.changed(['knowledge'])
  const knowledge = await createKnowledge({ db: store, log, customEmbedder: fakeEmbedder(), onWrite })
  const orchestrator = createOrchestrator({
    db: counting,
    log,
    countTokens,
    writtenKnowledge: async () => ({ items: [], nextCursor: null }),
    recall: (landing) => knowledge.recall(landing),
  })
  const { landing } = orchestrator
  let stopping: Promise<void> | undefined
  return {
    db: store,
    knowledge,
    orchestrator,
    statements: () => statements,
    context: async (input) => (await landing.landingContext({ ...input, format: 'json' })) as LandingContext,
    prompt: async (input) => (await landing.landingContext({ ...input, format: 'markdown' })) as string,
    stop: () => {
      stopping ??= (async () => {
        await orchestrator.stop()
        await knowledge.stop()
        if (store !== shared) await store.stop()
      })()
      return stopping
    },
  }
}

export interface TaskFacts {
  taskId: string
  status?: string
  description?: string
  project?: string
  priority?: number
  error?: string
  metadata?: object
  /** Unmet parents. */
  waitsFor?: string[]
}

/** Tasks by plain SQL, one after the other: what they imply is the triggers' work. */
export async function insertTasks(db: Store, ...tasks: TaskFacts[]): Promise<void> {
  for (const { taskId, status = 'pending', description = `work of ${taskId}`, ...task } of tasks) {
    await db.query(sql`
      insert into agent_tasks (task_id, task_type, task_description, status, project, task_priority, error_message,
        metadata, depends_on_tasks)
      values (${taskId}, 'analysis', ${description}, ${status}, ${task.project ?? null}, ${task.priority ?? 5},
        ${task.error ?? null}, ${JSON.stringify(task.metadata ?? {})}::jsonb,
        ${sql.param(task.waitsFor ?? [])}::text[])`)
  }
}

/** Sessions by plain SQL. */
export async function insertSession(db: Store, sessionId: string, project: string | null = null): Promise<void> {
  await db.query(sql`
    insert into agent_sessions (session_id, agent_platform, agent_role, project)
    values (${sessionId}, 'codex', 'executor', ${project})`)
}
