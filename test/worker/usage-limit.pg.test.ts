import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { WAIT_MS, type WorkerWorld, workerWorld } from '../harness/workers.ts'

const TASKS = 200
/** Answers that the account has left before its limit. */
const LEFT = TASKS / 2
const WORKERS = 2
const CONCURRENCY = 10
/** From the first refusal to the provider's reset. */
const RESET_SECONDS = 3
const OTHER_TASKS = 10
const TEST_MS_MAX = 90_000

let world: WorkerWorld
let program: string

beforeEach(async () => {
  world = await workerWorld()
  program = standIn()
})

afterEach(() => world.drop())

const linesOf = (name: string) => {
  const path = join(world.folder, name)
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
}

/**
 * Speaks as Claude Code does, with a provider behind it that knows accounts by their keys: `tight` has so many answers
 * left, and after that none until its reset, which is noted when it is first refused. A session has the name of the task
 * that began it, as the prompt of one that is gone on with does not say the task again.
 */
function standIn(): string {
  const say = (event: object) => `echo '${JSON.stringify(event)}'`
  const usage = { inputTokens: 100, outputTokens: 10, cacheReadInputTokens: 0, cacheCreationInputTokens: 0 }
  const result = { type: 'result', subtype: 'success', is_error: false, result: 'done' }
  const refusal = { ...result, is_error: true, api_error_status: 429, result: 'usage limit reached' }
  const script = `#!/bin/sh
case "$1" in --version) echo 2.1.197; exit 0;; auth) echo '{"loggedIn":true}'; exit 0;; esac
task=$(grep -o 'number-[0-9a-z-]*' | head -n 1)
for word; do [ "$before" = --resume ] && task=$word; before=$word; done
echo '{"type":"system","subtype":"init","session_id":"'$task'"}'
account=$ANTHROPIC_API_KEY
if [ $account = tight ] && [ $(cat answered-tight 2>/dev/null | wc -l) -ge ${LEFT} ]; then
  echo $(($(date +%s) + ${RESET_SECONDS})) > reset.$$
  ln reset.$$ reset 2>/dev/null
  if [ $(date +%s) -lt $(cat reset) ]; then
    echo "$task" >> refused-$account
    echo '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":'$(cat reset)'}}'
    ${say(refusal)}
    exit 1
  fi
fi
echo "$task" >> answered-$account
${say({ ...result, modelUsage: { 'claude-sonnet-4-5': { ...usage, costUSD: 0.01 } } })}
`
  const path = join(world.folder, 'claude')
  writeFileSync(path, script, { mode: 0o755 })
  return path
}

async function startWorker(account: string, folder: string): Promise<void> {
  const worker = await world.worker({
    ...{ platforms: ['claude_code'], roles: [account], concurrency: CONCURRENCY },
    ...{ programs: { claude_code: program }, cwd: world.folder, folder: join(world.folder, folder) },
    environment: { PATH: process.env.PATH, ANTHROPIC_API_KEY: account },
  })
  await worker.start()
}

const addTasks = (account: string, count: number) =>
  world.orchestrator.tasks.createBatch(
    Array.from({ length: count }, (_, index) => ({
      ...{ taskType: 'test', taskDescription: `number-${account}-${index}`, assignedToRole: account },
      assignedToPlatform: 'claude_code',
    })),
  )

const accounts = () =>
  world.db.query<{ reason: string | null; isPaused: boolean | null }>(
    sql`select reason, paused_until > now() as is_paused from agent_accounts`,
  )

/** How often each state of a task with its counters occurs, over the tasks of an account. */
const tallies = (account: string) =>
  world.db.query(sql`
    select status, retry_count, infra_retry_count, count(*)::int as tasks from agent_tasks
    where assigned_to_role = ${account} group by 1, 2, 3 order by 1, 2, 3`)

it(
  'two hundred tasks on an account that is used up halfway all end after its reset, and no retry is used up',
  async () => {
    await addTasks('tight', TASKS)
    for (let index = 0; index < WORKERS; index += 1) await startWorker('tight', `worker-${index}`)
    await vi.waitFor(async () => expect(await accounts()).toEqual([{ reason: 'usage_limit', isPaused: true }]), WAIT_MS)

    await startWorker('ample', 'worker-ample')
    await addTasks('ample', OTHER_TASKS)
    const others = [{ status: 'completed', retryCount: 0, infraRetryCount: 0, tasks: OTHER_TASKS }]
    await vi.waitFor(async () => expect(await tallies('ample')).toEqual(others), WAIT_MS)
    expect(await accounts()).toEqual([{ reason: 'usage_limit', isPaused: true }])

    const all = [{ status: 'completed', retryCount: 0, infraRetryCount: 0, tasks: TASKS }]
    await vi.waitFor(async () => expect(await tallies('tight')).toEqual(all), TEST_MS_MAX)
    const answered = linesOf('answered-tight')
    expect([answered.length, new Set(answered).size]).toEqual([TASKS, TASKS])
    await vi.waitFor(async () => expect(await accounts()).toEqual([{ reason: null, isPaused: null }]), WAIT_MS)

    // A slot that was refused has nothing to do until the reset: each can be refused once.
    const refused = linesOf('refused-tight').length
    expect(refused).toBeGreaterThan(0)
    expect(refused).toBeLessThanOrEqual(WORKERS * CONCURRENCY)
    const ends = await world.db.query(sql`
      select a.outcome, a.failure_class, count(*)::int as runs from task_attempts a join agent_tasks t using (task_id)
      where t.assigned_to_role = 'tight' group by 1, 2 order by 1`)
    expect(ends).toEqual([
      { outcome: 'completed', failureClass: null, runs: TASKS },
      { outcome: 'released', failureClass: 'usage_limit', runs: refused },
    ])
  },
  TEST_MS_MAX,
)
