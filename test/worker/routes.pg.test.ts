import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { AGENT_PLATFORMS } from '../../src/config/routes.ts'
import { createRunners } from '../../src/worker/runners/index.ts'
import { type WorkerWorld, workerWorld } from '../harness/workers.ts'

let world: WorkerWorld

beforeEach(async () => {
  world = await workerWorld()
})

afterEach(() => world.drop())

const CLAUDE = [{ type: 'result', subtype: 'success', is_error: false, result: 'done' }]
const CODEX = [
  { type: 'item.completed', item: { type: 'agent_message', text: 'done' } },
  { type: 'turn.completed', usage: { input_tokens: 1, cached_input_tokens: 0, output_tokens: 1 } },
]

/** An agent's program that notes how it was called, and answers. */
function standIn(name: string, events: object[]): string {
  const program = join(world.folder, name)
  const script = `#!/bin/sh
case "$1" in --version) echo 2.1.197; exit 0;; auth) echo '{"loggedIn":true}'; exit 0;; login) exit 0;; esac
cat > /dev/null
echo "$@" > called-${name}
${events.map((event) => `echo '${JSON.stringify(event)}'`).join('\n')}
`
  writeFileSync(program, script, { mode: 0o755 })
  return program
}

const ROUTES = {
  review: { platform: 'codex', model: 'gpt-5', effort: 'high' },
  docs: { platform: 'claude_code', model: 'haiku', permission: 'full', turns_max: 7 },
} as const

const startWorker = async (routes: object, platforms = ['claude_code', 'codex']) => {
  const programs = { claude_code: standIn('claude', CLAUDE), codex: standIn('codex', CODEX) }
  await (await world.worker({ platforms, programs, cwd: world.folder, routes: routes as typeof ROUTES })).start()
}
const called = (name: string) => readFileSync(join(world.folder, `called-${name}`), 'utf8')
const run = async (taskType: string, inputData = {}) =>
  world.reaches(await world.add('', { taskType, inputData, assignedToPlatform: undefined }), 'completed')

it('a task gets the agent, the model and the effort of its type, and keeps what it names itself', async () => {
  await startWorker(ROUTES)
  expect((await run('review')).outputData).toMatchObject({ platform: 'codex' })
  expect(called('codex')).toMatch(/gpt-5.*high/)
  expect((await run('docs')).outputData).toMatchObject({ platform: 'claude_code' })
  expect(called('claude')).toMatch(/bypassPermissions.*--model haiku --max-turns 7/)
  await run('docs', { model: 'opus' })
  expect(called('claude')).toMatch(/bypassPermissions.*--model opus --max-turns 7/)
  expect((await run('other')).outputData).toMatchObject({ platform: 'claude_code' })
  expect(called('claude')).not.toContain('--model')
})

it('another agent takes over where the one of the route is not there, without the model of the route', async () => {
  await startWorker(ROUTES, ['claude_code'])
  expect((await run('review')).outputData).toMatchObject({ platform: 'claude_code' })
  expect(called('claude')).not.toContain('gpt-5')
})

it('a route with what its agent does not take is refused', async () => {
  const refused = startWorker({ review: { platform: 'gemini', effort: 'high' } })
  await expect(refused).rejects.toMatchObject({ code: 'invalid_input' })
  await expect(refused).rejects.toThrow(/gemini/)
})

it('every agent may be named in a route', () => {
  const agents = [...createRunners({ shell: true }).values()].filter(({ successBy }) => successBy === 'result')
  expect(agents.map(({ platform }) => platform).sort()).toEqual([...AGENT_PLATFORMS].sort())
})
