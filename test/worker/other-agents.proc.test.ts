import { beforeAll, describe, expect, it } from 'vitest'
import { must } from '../../src/base/assert.ts'
import type { Runner, RunRequest } from '../../src/worker/runners/index.ts'
import { INSTALL_TIMEOUT_MS, installAgent, runnerOf, type Scene, setScene } from './agents.ts'
import { describeRunner, runOn, type Stage } from './conformance.ts'
import { type Reply, STUB_USAGE } from './model-stub.ts'

const HELLO: Reply = { kind: 'text', text: 'hello there' }
const { input: inputTokens, output: outputTokens, cacheRead: cacheReadTokens } = STUB_USAGE

/** A failure as the provider of each CLI words it. */
const refusal = (status: number, error: Record<string, unknown>): Reply => ({ kind: 'status', status, body: { error } })

function stageOf(scene: Scene, program: string): Stage {
  return { ...scene, program, hanging: () => scene.stub.arrived(1), request: { model: scene.model } }
}

function describeAgent(
  platform: string,
  version: RegExp,
  loggedOut: 'no' | 'unknown',
  costBasis: 'estimated' | 'unknown',
) {
  const runner = runnerOf(platform)
  const unauthorised = refusal(401, {
    code: 401,
    message: 'bad key',
    status: 'UNAUTHENTICATED',
    type: 'invalid_api_key',
  })
  describeRunner({
    ...{ runner, version, loggedOut, text: 'hello there', hasSession: true },
    prepare: () => installAgent(runner),
    usage: { models: [expect.objectContaining({ inputTokens, outputTokens, cacheReadTokens })], costBasis },
    set: async (situation) => {
      const reply = { answers: HELLO, hangs: { kind: 'hang' } as const, refuses_login: unauthorised }[situation]
      return stageOf(await setScene(runner, reply), await installAgent(runner))
    },
  })
}

describeAgent('codex', /^0\.169\.0$/, 'no', 'unknown')
describeAgent('gemini', /^0\.61\.0$/, 'unknown', 'estimated')
describeAgent('opencode', /^1\.18\.33$/, 'unknown', 'unknown')

async function outcomeOf(runner: Runner, replies: [Reply, ...Reply[]], request: Partial<RunRequest> = {}) {
  const scene = await setScene(runner, ...replies)
  const stage = stageOf(scene, await installAgent(runner))
  const run = await runOn({ ...stage, request: { ...stage.request, ...request } }, runner)
  return { ...(await run.ended), requests: scene.stub.requests }
}

/** Goes on in the session of a run before, and has its words before it. */
async function resumes(runner: Runner) {
  const scene = await setScene(runner, HELLO)
  const stage = { ...stageOf(scene, await installAgent(runner)), stop: async () => undefined }
  const first = await (await runOn(stage, runner)).ended
  const resumeSessionId = must(first.sessionId, 'a session')
  const second = await (await runOn({ ...stage, request: { ...stage.request, resumeSessionId } }, runner)).ended
  await scene.stop()
  expect(second).toMatchObject({ end: { endClass: 'ok' }, sessionId: resumeSessionId })
  expect(JSON.stringify(scene.stub.requests.at(-1)?.body)).toContain('hello there')
}

describe('a run of Codex', () => {
  const codex = runnerOf('codex')

  beforeAll(async () => void (await installAgent(codex)), INSTALL_TIMEOUT_MS)

  it('tells its commands, estimates its dollars, and passes on model, effort and schema', async () => {
    const shell: Reply = { kind: 'tool', name: 'exec_command', input: { cmd: 'echo hi' } }
    const schema = {
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
      additionalProperties: false,
    }
    const { end, usage, requests } = await outcomeOf(codex, [shell, HELLO], { model: 'gpt-5', effort: 'high', schema })
    expect(end.endClass).toBe('ok')
    expect(usage).toMatchObject({ models: [{ model: 'gpt-5', inputTokens: 2 * inputTokens }], costBasis: 'estimated' })
    const { body } = must(requests[0], 'a request')
    expect(body).toMatchObject({ model: 'gpt-5', reasoning: { effort: 'high' }, text: { format: { schema } } })
  })

  it('goes on in the session of the run before', () => resumes(codex))

  const inTwoHours = Math.floor(Date.now() / 1000) + 7_200
  it.each([
    ['429', 'rate_limited', refusal(429, { type: 'rate_limit_exceeded', message: 'slow down' })],
    [
      'no quota',
      'billing',
      refusal(429, { type: 'insufficient_quota', code: 'insufficient_quota', message: 'no quota' }),
    ],
    ['500', 'overloaded', refusal(500, { message: 'broken' })],
    ['503', 'overloaded', refusal(503, { code: 'server_is_overloaded', message: 'busy' })],
    [
      'its usage limit',
      'usage_limit',
      refusal(429, { type: 'usage_limit_reached', message: 'x', plan_type: 'pro', resets_at: inTwoHours }),
    ],
  ] as const)('that fails by %s is %s', async (_, endClass, reply) => {
    expect((await outcomeOf(codex, [reply])).end.endClass).toBe(endClass)
  })

  it('at its usage limit tells when it ends, to the minute', async () => {
    const limit = { type: 'usage_limit_reached', message: 'x', plan_type: 'pro', resets_at: inTwoHours }
    const { end } = await outcomeOf(codex, [refusal(429, limit)])
    const late = inTwoHours * 1000 - must(end.resetsAt, 'a time').getTime()
    expect(Math.abs(late)).toBeLessThanOrEqual(60_000)
  })
})

describe('a run of Gemini CLI', () => {
  const gemini = runnerOf('gemini')

  beforeAll(async () => void (await installAgent(gemini)), INSTALL_TIMEOUT_MS)

  const perDay = {
    ...{ code: 429, status: 'RESOURCE_EXHAUSTED', message: 'quota exceeded' },
    details: [
      {
        '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
        violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }],
      },
    ],
  }

  it.each([
    ['429', 'rate_limited', refusal(429, { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'slow down' })],
    ['the quota of the day', 'usage_limit', refusal(429, perDay)],
    ['503', 'overloaded', refusal(503, { code: 503, status: 'UNAVAILABLE', message: 'busy' })],
    [
      '400 for its key',
      'auth',
      refusal(400, {
        code: 400,
        status: 'INVALID_ARGUMENT',
        message: 'API key not valid. Please pass a valid API key.',
      }),
    ],
  ] as const)('that fails by %s is %s', async (_, endClass, reply) => {
    expect((await outcomeOf(gemini, [reply])).end.endClass).toBe(endClass)
  })

  it('goes on in the session of the run before', () => resumes(gemini))
})

describe('a run of OpenCode', () => {
  const opencode = runnerOf('opencode')

  beforeAll(async () => void (await installAgent(opencode)), INSTALL_TIMEOUT_MS)

  it('goes on in the session of the run before', () => resumes(opencode))

  it('that fails for want of money is classified by its words', async () => {
    const { end } = await outcomeOf(opencode, [
      refusal(400, { code: 'insufficient_quota', message: 'insufficient_quota' }),
    ])
    expect(end.endClass).toBe('billing')
  })

  it('with a result of 1 MB has all of it, and has succeeded', async () => {
    const { end, text } = await outcomeOf(opencode, [{ kind: 'text', text: 'x'.repeat(1_000_000) }])
    expect(end.endClass).toBe('ok')
    expect(text).toHaveLength(1_000_000)
  })
})
