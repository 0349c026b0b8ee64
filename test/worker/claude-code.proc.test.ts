import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { must } from '../../src/base/assert.ts'
import type { RunOptions } from '../../src/worker/run.ts'
import type { RunEvent, RunRequest } from '../../src/worker/runners/index.ts'
import { INSTALL_TIMEOUT_MS, installAgent, runnerOf, type Scene, setScene } from './agents.ts'
import { describeRunner, runOn, type Stage } from './conformance.ts'
import { type Reply, STUB_USAGE } from './model-stub.ts'

const runner = runnerOf('claude_code')
let program = ''

beforeAll(async () => {
  program = await installAgent(runner)
}, INSTALL_TIMEOUT_MS)

const refusal = (status: number, type: string, message: string): Reply => ({
  ...{ kind: 'status', status, body: { type: 'error', error: { type, message } } },
})

const HELLO: Reply = { kind: 'text', text: 'hello there' }
const UNAUTHORISED = refusal(401, 'authentication_error', 'invalid x-api-key')

function stageOf(scene: Scene): Stage {
  return { ...scene, program, hanging: () => scene.stub.arrived(1), request: {} }
}

/** A run of the real CLI against a provider that answers as told. */
async function run(replies: [Reply, ...Reply[]], request: Partial<RunRequest> = {}, change: Partial<RunOptions> = {}) {
  const scene = await setScene(runner, ...replies)
  const started = await runOn({ ...stageOf(scene), request }, runner, change)
  return { run: started, scene }
}

async function outcomeOf(
  replies: [Reply, ...Reply[]],
  request: Partial<RunRequest> = {},
  change: Partial<RunOptions> = {},
) {
  const { run: started, scene } = await run(replies, request, change)
  return { ...(await started.ended), requests: scene.stub.requests }
}

describeRunner({
  runner,
  prepare: () => installAgent(runner),
  text: 'hello there',
  usage: { costBasis: 'reported', isFinal: true },
  hasSession: true,
  version: /^2\.1\.197$/,
  loggedOut: 'no',
  set: async (situation) =>
    stageOf(
      await setScene(
        runner,
        { answers: HELLO, hangs: { kind: 'hang' } as const, refuses_login: UNAUTHORISED }[situation],
      ),
    ),
})

describe('a run of Claude Code', () => {
  it('counts the tokens of every answer and reports their dollars', async () => {
    const write: Reply = { kind: 'tool', name: 'Write', input: { file_path: 'a.txt', content: 'x' } }
    const { usage, end } = await outcomeOf([write, HELLO], { model: 'claude-opus-4-8' })
    expect(end.endClass).toBe('ok')
    const { input, output, cacheRead } = STUB_USAGE
    expect(usage).toMatchObject({
      models: [{ inputTokens: 2 * input, outputTokens: 2 * output, cacheReadTokens: 2 * cacheRead }],
      costBasis: 'reported',
      isFinal: true,
    })
    // Two answers at 5, 25 and 0.50 dollars a million.
    expect(usage.costUsd).toBeCloseTo(2 * 0.00102, 8)
  })

  it('tells what it does while it does it', async () => {
    const events: RunEvent[] = []
    const write: Reply = { kind: 'tool', name: 'Write', input: { file_path: 'a.txt', content: 'x' } }
    await outcomeOf([write, HELLO], {}, { onEvent: (event) => events.push(event) })
    expect(events).toContainEqual({ kind: 'tool', name: 'Write', input: { file_path: 'a.txt', content: 'x' } })
    expect(events).toContainEqual({ kind: 'tool_end', name: null, isError: false })
  })

  it('passes on model, effort, tools and schema, and gives the result by the schema', async () => {
    const schema = { type: 'object', properties: { answer: { type: 'number' } }, required: ['answer'] }
    const answer: Reply = { kind: 'tool', name: 'StructuredOutput', input: { answer: 42 } }
    const { structured, requests, end } = await outcomeOf([answer, HELLO], {
      ...{ model: 'claude-sonnet-4-5', effort: 'low', tools: ['Read', 'Edit'], schema },
    })
    expect(end.endClass).toBe('ok')
    expect(structured).toEqual({ answer: 42 })
    const { body } = must(requests[0], 'a request')
    expect(body.model).toBe('claude-sonnet-4-5')
    expect((body.tools as { name: string }[]).map(({ name }) => name).sort()).toEqual([
      'Edit',
      'Read',
      'StructuredOutput',
    ])
  })

  it('goes on in the session of the run before', async () => {
    const scene = await setScene(runner, HELLO)
    const stage = { ...stageOf(scene), stop: async () => undefined }
    const first = await (await runOn(stage, runner)).ended
    const resumed = { ...stage, request: { resumeSessionId: must(first.sessionId, 'a session') } }
    const second = await (await runOn(resumed, runner)).ended
    await scene.stop()
    expect(second).toMatchObject({ end: { endClass: 'ok' }, sessionId: first.sessionId })
    expect(JSON.stringify(scene.stub.requests[1]?.body.messages)).toContain('hello there')
  })

  it('does not run the hooks of a repository that nobody has trusted', async () => {
    const scene = await setScene(runner, HELLO)
    const hooked = join(scene.cwd, 'hooked')
    const hook = { hooks: [{ type: 'command', command: `touch ${hooked}` }] }
    mkdirSync(join(scene.cwd, '.claude'))
    writeFileSync(join(scene.cwd, '.claude/settings.json'), JSON.stringify({ hooks: { SessionStart: [hook] } }))
    let wasHooked = true
    const stage = { ...stageOf(scene), stop: async () => undefined }
    await (await runOn(stage, runner)).ended
    wasHooked = existsSync(hooked)
    await scene.stop()
    expect(wasHooked).toBe(false)
  })
})

describe('a run of Claude Code that fails', () => {
  it.each([
    ['401', UNAUTHORISED, 'auth', 'Invalid API key'],
    [
      '400 for want of credit',
      refusal(400, 'invalid_request_error', 'Your credit balance is too low'),
      'billing',
      'Credit balance',
    ],
    ['429', refusal(429, 'rate_limit_error', 'slow down'), 'rate_limited', '429'],
    ['529', refusal(529, 'overloaded_error', 'Overloaded'), 'overloaded', 'Overloaded'],
    ['500', refusal(500, 'api_error', 'broken'), 'overloaded', '500'],
    [
      'a prompt that is too long',
      refusal(400, 'invalid_request_error', 'prompt is too long: 300000 tokens > 200000 maximum'),
      'context_too_long',
      'too long',
    ],
  ] as const)('by %s is classified', async (_, reply, endClass, words) => {
    const { end, text } = await outcomeOf([reply])
    expect(end.endClass).toBe(endClass)
    expect(end.detail).toContain(words)
    expect(text).toContain(words)
  })

  it('for want of a login is classified', async () => {
    const scene = await setScene(runner, HELLO)
    const { ANTHROPIC_API_KEY: _, ...environment } = scene.environment
    const { end } = await (await runOn({ ...stageOf(scene), environment }, runner)).ended
    expect(end).toMatchObject({ endClass: 'auth', detail: expect.stringContaining('Not logged in') })
  })

  it('at its number of turns is classified', async () => {
    const read: Reply = { kind: 'tool', name: 'Read', input: { file_path: 'none' } }
    const { end } = await outcomeOf([read], { turnsMax: 1 })
    expect(end).toMatchObject({ endClass: 'budget', detail: expect.stringContaining('error_max_turns') })
  })

  it('for a tool that it was not allowed is classified, and names it', async () => {
    const outside: Reply = { kind: 'tool', name: 'Bash', input: { command: 'touch /etc/agent-turbo-was-here' } }
    const { end } = await outcomeOf([outside, HELLO])
    expect(end).toEqual({ endClass: 'permission_denied', detail: 'refused to the agent: Bash', resetsAt: null })
  })
})

describe('a run of Claude Code that is ended', () => {
  /** One answer with a tool, then silence. */
  const working: [Reply, ...Reply[]] = [{ kind: 'tool', name: 'Read', input: { file_path: 'none' } }, { kind: 'hang' }]

  it('by SIGTERM from outside has no result, and keeps what it has used', async () => {
    const { run: started, scene } = await run(working, { model: 'claude-opus-4-8' })
    await scene.stub.arrived(2)
    process.kill(started.identity.pid, 'SIGTERM')
    const outcome = await started.ended
    expect(outcome).toMatchObject({ end: { endClass: 'crashed' }, process: { exitCode: 143 } })
    expect(outcome.usage).toMatchObject({
      models: [{ model: 'claude-opus-4-8', inputTokens: STUB_USAGE.input, cacheReadTokens: STUB_USAGE.cacheRead }],
      costBasis: 'estimated',
      isFinal: false,
    })
    expect(outcome.sessionId).not.toBeNull()
  })

  it('by us while it works ends by the reason, although its exit code is 0', async () => {
    const { run: started, scene } = await run(working)
    await scene.stub.arrived(2)
    started.stop('fenced')
    expect(await started.ended).toMatchObject({ end: { endClass: 'fenced' }, process: { stopReason: 'fenced' } })
  })

  it('because its provider never answers is warned of, and then counts as stalled', async () => {
    let warnings = 0
    const stall = { warnAfterMs: 3_000, stalledAfterMs: 6_000 }
    const { run: started } = await run([{ kind: 'hang' }], {}, { limits: { stall }, onQuiet: () => warnings++ })
    expect(await started.ended).toMatchObject({ end: { endClass: 'stalled' } })
    expect(warnings).toBeGreaterThanOrEqual(1)
  })
})

describe('an answer of 50 MB', () => {
  it('is cut and has succeeded, with its usage', async () => {
    const { end, text, process: ended, usage } = await outcomeOf([{ kind: 'text', text: 'x'.repeat(50_000_000) }])
    expect(end.endClass).toBe('ok')
    expect(text.length).toBeLessThan(2_000_000)
    expect(text).toMatch(/\[\d+ bytes left out\]$/)
    expect(ended.cutBytes).toBeGreaterThan(49_000_000)
    expect(ended.stdout.totalBytes).toBeLessThan(4_000_000)
    expect(usage.costBasis).toBe('reported')
  })
})
