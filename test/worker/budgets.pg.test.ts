import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { WAIT_MS, type WorkerWorld, workerWorld } from '../harness/workers.ts'

let world: WorkerWorld

beforeEach(async () => {
  world = await workerWorld()
})

afterEach(() => world.drop())

/** Speaks as Claude Code does, tells what it was told, and costs a dollar a run. */
function standIn(): string {
  const usage = { inputTokens: 1, outputTokens: 1, costUSD: 1 }
  const result = { type: 'result', subtype: 'success', is_error: false, modelUsage: { 'claude-sonnet-4-5': usage } }
  const program = join(world.folder, 'claude')
  const script = `#!/bin/sh
case "$1" in --version) echo 2.1.197; exit 0;; auth) echo '{"loggedIn":true}'; exit 0;; esac
cat > /dev/null
echo "$@" >> arguments
echo '${JSON.stringify({ ...result, result: 'done' })}'
`
  writeFileSync(program, script, { mode: 0o755 })
  return program
}

const startWorker = async (budgets: object) => {
  const settings = { platforms: ['claude_code'], programs: { claude_code: standIn() }, concurrency: 10, budgets }
  await (await world.worker({ ...settings, cwd: world.folder })).start()
}
const agent = { assignedToPlatform: 'claude_code', inputData: {} }

it('runs begin while the budget of the day has room for them; the others wait, say so, and use up no retry', async () => {
  const ids: string[] = []
  for (let index = 0; index < 10; index += 1) ids.push(await world.add('', agent))
  await startWorker({ attemptUsd: 1, dayUsd: 3 })
  const tasks = () => Promise.all(ids.map((id) => world.orchestrator.tasks.get(id)))
  await vi.waitFor(async () => {
    const states = (await tasks()).map(({ status }) => status)
    expect([states.filter((status) => status === 'completed').length, states.includes('running')]).toEqual([3, false])
  }, WAIT_MS)
  const waiting = (await tasks()).filter(({ status }) => status !== 'completed')
  expect(waiting).toHaveLength(7)
  for (const { status, retryCount, infraRetryCount, whyWaiting, costUsd } of waiting) {
    expect([status, retryCount, infraRetryCount, costUsd]).toEqual(['pending', 0, 0, 0])
    const reasons = whyWaiting.map(({ reason }) => reason)
    expect(reasons.some((reason) => reason === 'budget' || reason === 'account_paused')).toBe(true)
  }
})

it('a task whose own budget is spent is held until somebody gives it more', async () => {
  await startWorker({ attemptUsd: 1 })
  const taskId = await world.add('', { ...agent, inputData: { budget_usd: 2, task_budget_usd: 1.5 } })
  expect(await world.reaches(taskId, 'blocked')).toMatchObject({
    ...{ retryCount: 0, blockedReason: 'budget' },
    whyWaiting: [{ reason: 'budget', detail: 'the task may cost $1.5, of which $0 is spent or set aside' }],
  })
  await world.reaches(await world.add('', agent), 'completed')
})
