import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WAIT_MS, type WorkerWorld, workerWorld } from '../harness/workers.ts'

let world: WorkerWorld

beforeEach(async () => {
  world = await workerWorld()
})

afterEach(() => world.drop())

const lines = (...events: object[]) => events.map((event) => `echo '${JSON.stringify(event)}'`).join('\n')

/** Speaks as Codex does: answers, or says what the file `trouble` holds. */
function standIn(): string {
  const program = join(world.folder, 'agent')
  const answer = lines(
    { type: 'thread.started', thread_id: 'thread-0001' },
    { type: 'item.completed', item: { type: 'agent_message', text: 'done' } },
    { type: 'turn.completed', usage: { input_tokens: 1_000, cached_input_tokens: 200, output_tokens: 100 } },
  )
  const script = `#!/bin/sh
case "$1" in --version) echo codex-cli 0.169.0; exit 0;; login) echo Logged in; exit 0;; esac
cat > prompt.$$
if [ -e trouble ]; then cat trouble; exit 1; fi
${answer}
`
  writeFileSync(program, script, { mode: 0o755 })
  return program
}

const trouble = (message: string) =>
  writeFileSync(join(world.folder, 'trouble'), `${JSON.stringify({ type: 'turn.failed', error: { message } })}\n`)

const agent = { assignedToPlatform: 'codex' }
const startWorker = async () => {
  const settings = { platforms: ['codex', 'command'], programs: { codex: standIn() }, concurrency: 2 }
  return (await world.worker({ ...settings, cwd: world.folder })).start()
}
const addAgentTask = (fields = {}) => world.add('', { inputData: {}, ...agent, ...fields })
const account = async () => {
  const rows = await world.db.query<{ reason: string | null; isPaused: boolean | null; seconds: number | null }>(sql`
    select reason, paused_until > now() as is_paused, extract(epoch from paused_until - now())::float8 as seconds
    from agent_accounts`)
  return rows[0]
}

describe('an account that is used up', () => {
  it('pauses for everybody, costs no task a retry, and is forgotten with the first success after its reset', async () => {
    await startWorker()
    trouble("You've hit your usage limit. Try again in 2 seconds.")
    const ids = [await addAgentTask(), await addAgentTask(), await addAgentTask(), await addAgentTask()]
    await vi.waitFor(
      async () => expect(await account()).toMatchObject({ reason: 'usage_limit', isPaused: true }),
      WAIT_MS,
    )
    const other = await world.add('echo other')
    expect(await world.reaches(other, 'completed')).toMatchObject({ attemptCount: 1 })
    await vi.waitFor(async () => expect(await world.db.query(sql`select * from task_leases`)).toEqual([]), WAIT_MS)
    const paused = await Promise.all(ids.map((id) => world.orchestrator.tasks.get(id)))
    expect(paused.map(({ status, retryCount, infraRetryCount }) => [status, retryCount, infraRetryCount])).toEqual(
      ids.map(() => ['pending', 0, 0]),
    )
    expect(paused[3]?.attemptCount).toBe(0)
    expect(paused.flatMap(({ attempts }) => attempts.map(({ outcome }) => outcome))).toContain('released')
    rmSync(join(world.folder, 'trouble'))
    const done = await Promise.all(ids.map((id) => world.reaches(id, 'completed')))
    expect(done[3]).toMatchObject({
      ...{ attemptCount: 1, retryCount: 0, outputData: { text: 'done', platform: 'codex' } },
      attempts: [{ cliSessionId: 'thread-0001', usage: { models: [{ inputTokens: 800, cacheReadTokens: 200 }] } }],
    })
    await vi.waitFor(async () => expect(await account()).toMatchObject({ reason: null, isPaused: null }), WAIT_MS)
  })

  it('without a login pauses until somebody had time to log in', async () => {
    await startWorker()
    trouble('unexpected status 401 Unauthorized')
    const taskId = await addAgentTask()
    await vi.waitFor(async () => expect(await account()).toMatchObject({ reason: 'auth', isPaused: true }), WAIT_MS)
    expect((await account())?.seconds).toBeGreaterThan(500)
    const { status, retryCount, attempts } = await world.reaches(taskId, 'pending')
    expect([status, retryCount, attempts]).toMatchObject(['pending', 0, [{ failureClass: 'auth' }]])
  })
})

describe('an agent', () => {
  it('is what a task without a platform gets, and not a plain program', async () => {
    await startWorker()
    const taskId = await addAgentTask({ assignedToPlatform: undefined })
    expect(await world.reaches(taskId, 'completed')).toMatchObject({ outputData: { platform: 'codex' } })
  })

  it('is not had by a worker of plain programs, which leaves such a task alone', async () => {
    await (await world.worker()).start()
    const taskId = await addAgentTask({ assignedToPlatform: undefined })
    await world.reaches(await world.add('echo later'), 'completed')
    expect(await world.orchestrator.tasks.get(taskId)).toMatchObject({ status: 'pending', attemptCount: 0 })
  })
})
