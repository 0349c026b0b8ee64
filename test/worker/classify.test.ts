import { describe, expect, it } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { classifyEnd, type RunEvidence } from '../../src/worker/classify.ts'
import type { EndClass } from '../../src/worker/end-class.ts'
import { createRunners } from '../../src/worker/runners/index.ts'

const runners = createRunners({ shell: true })
const now = new Date('2026-11-25T14:00:00Z')

function evidence(platform: string, change: Partial<RunEvidence> = {}): RunEvidence {
  return {
    runner: must(runners.get(platform), 'a platform'),
    ...{ stopReason: null, exitCode: 0, signal: null, result: null, usageLimit: null, denied: [], stderr: '' },
    ...change,
  }
}

const failed = (message: string, status: number | null = null, code: string | null = null) => ({
  exitCode: 1,
  result: { failure: { message, status, code } },
})

const good = { result: { failure: null } }

const classOf = (given: RunEvidence, gate: 'none' | 'passed' | 'failed' = 'none') =>
  classifyEnd(given, gate, now).endClass

// As the CLIs word it, by measurement or by their documentation.
const words: [platform: string, message: string, endClass: EndClass][] = [
  ['claude_code', 'Not logged in · Please run /login', 'auth'],
  ['claude_code', 'Invalid API key · Fix external API key', 'auth'],
  ['claude_code', 'Failed to authenticate: OAuth session expired and could not be refreshed', 'auth'],
  ['claude_code', 'Credit balance is too low', 'billing'],
  ['claude_code', 'Monthly spend limit reached (org)', 'billing'],
  ['claude_code', 'This organization has been disabled', 'billing'],
  ['claude_code', "You've hit your session limit · resets 3:45pm", 'usage_limit'],
  ['claude_code', "You've hit your Opus limit · resets Oct 6, 1pm", 'usage_limit'],
  ['claude_code', 'API Error: Server is temporarily limiting requests (not your usage limit)', 'rate_limited'],
  ['claude_code', 'API Error: Request rejected (429) · this may be temporary', 'rate_limited'],
  ['claude_code', 'API Error: Repeated 529 Overloaded errors', 'overloaded'],
  ['claude_code', 'API Error: 500 Internal server error', 'overloaded'],
  ['claude_code', 'Prompt is too long', 'context_too_long'],
  ['claude_code', 'error_max_turns: Reached maximum number of turns (1)', 'budget'],
  ['claude_code', 'error_max_budget_usd: Reached maximum budget ($1)', 'budget'],
  ['claude_code', 'error_max_structured_output_retries: no valid output', 'crashed'],
  ['codex', 'You’ve hit your usage limit. Upgrade to Pro or try again at 2:22 PM.', 'usage_limit'],
  ['codex', 'Quota exceeded. Check your plan and billing details.', 'billing'],
  ['codex', 'unexpected status 401 Unauthorized: bad key, url: http://x', 'auth'],
  ['codex', 'Missing environment variable: `CODEX_API_KEY`.', 'auth'],
  ['codex', 'exceeded retry limit, last status: 429 Too Many Requests', 'rate_limited'],
  ['codex', "We're currently experiencing high demand, which may cause temporary errors.", 'overloaded'],
  ['codex', 'unexpected status 503 Service Unavailable: busy, url: http://x', 'overloaded'],
  ['codex', 'Selected model is at capacity. Please try a different model.', 'overloaded'],
  ['codex', 'stream disconnected before completion: error sending request', 'overloaded'],
  ['codex', "Codex ran out of room in the model's context window. Start a new thread.", 'context_too_long'],
  ['gemini', '[API Error: You have exhausted your daily quota on this model.]', 'usage_limit'],
  ['gemini', '[API Error: API key not valid. Please pass a valid API key.]', 'auth'],
  ['gemini', '[API Error: {"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]', 'rate_limited'],
  ['opencode', 'ProviderAuthError: no key', 'auth'],
  ['opencode', 'APIError: You exceeded your current quota: insufficient_quota', 'billing'],
  ['cursor', 'Error: Not logged in. Run cursor-agent login', 'auth'],
]

describe('a failure', () => {
  it.each(words)('of %s in the words «%s» is %s', (platform, message, endClass) => {
    expect(classOf(evidence(platform, failed(message)))).toBe(endClass)
  })

  it.each([
    [401, 'auth'],
    [402, 'billing'],
    [403, 'auth'],
    [413, 'context_too_long'],
    [429, 'rate_limited'],
    [500, 'overloaded'],
    [529, 'overloaded'],
    [418, 'crashed'],
  ] as const)('in no known words is told by its status %d', (status, endClass) => {
    for (const platform of ['claude_code', 'opencode', 'gemini'])
      expect(classOf(evidence(platform, failed('no', status)))).toBe(endClass)
  })

  it('at the limit of the account is that whatever it is called, with the time it ends', () => {
    const resetsAt = new Date('2026-11-25T18:00:00Z')
    const usageLimit = { isReached: true, resetsAt }
    const end = classifyEnd(evidence('claude_code', { ...failed('something new', 429), usageLimit }), 'none', now)
    expect(end).toMatchObject({ endClass: 'usage_limit', resetsAt })
    const near = { isReached: false, resetsAt }
    expect(classOf(evidence('claude_code', { ...failed('Prompt is too long'), usageLimit: near }))).toBe(
      'context_too_long',
    )
  })

  it('that tells when the limit ends is asked for it', () => {
    const { resetsAt } = classifyEnd(
      evidence('codex', failed('You’ve hit your usage limit. try again in 2 hours')),
      'none',
      now,
    )
    expect(resetsAt?.toISOString()).toBe('2026-11-25T16:00:00.000Z')
  })

  it('is quoted by its end, and not without bound', () => {
    const { detail } = classifyEnd(evidence('codex', failed(`${'x'.repeat(10_000)} the cause`)), 'none', now)
    expect(detail.endsWith('the cause')).toBe(true)
    expect(detail.length).toBeLessThan(600)
  })
})

describe('without a result', () => {
  it.each([
    ['an exit code of 0 is no success', 'claude_code', { exitCode: 0 }, 'no_result'],
    ['an exit code of 1 is a crash', 'claude_code', { exitCode: 1 }, 'crashed'],
    ['a signal is a crash', 'codex', { exitCode: null, signal: 'SIGSEGV' }, 'crashed'],
    ['the exit code may have a meaning', 'gemini', { exitCode: 41 }, 'auth'],
    ['so may the limit of turns', 'gemini', { exitCode: 53 }, 'budget'],
    ['and an untrusted folder', 'gemini', { exitCode: 55 }, 'permission_denied'],
    ['the last words count', 'cursor', { exitCode: 1, stderr: 'Error: too many requests' }, 'rate_limited'],
    [
      'root may not do everything',
      'claude_code',
      { exitCode: 1, stderr: '--dangerously-skip-permissions cannot be used with root/sudo privileges' },
      'permission_denied',
    ],
  ] as const)('%s', (_, platform, change, endClass) => {
    expect(classOf(evidence(platform, change))).toBe(endClass)
  })
})

describe('a run that was stopped', () => {
  it.each(['timeout', 'stalled', 'cancelled', 'budget', 'fenced'] as const)('for %s ends as that', (stopReason) => {
    for (const platform of ['claude_code', 'command'])
      for (const exitCode of [0, 1, 143]) expect(classOf(evidence(platform, { stopReason, exitCode }))).toBe(stopReason)
  })

  it('after its result was there has succeeded, unless nobody takes it', () => {
    expect(classOf(evidence('codex', { ...good, stopReason: 'timeout', exitCode: null, signal: 'SIGKILL' }))).toBe('ok')
    expect(classOf(evidence('codex', { ...good, stopReason: 'fenced' }))).toBe('fenced')
  })

  it('after it had failed ends as that failure', () => {
    expect(classOf(evidence('codex', { ...failed('Quota exceeded.'), stopReason: 'timeout' }))).toBe('billing')
  })
})

describe('a result', () => {
  it('is success by itself, whatever the exit code', () => {
    expect(classOf(evidence('claude_code', good))).toBe('ok')
    expect(classOf(evidence('claude_code', { ...good, exitCode: 143 }))).toBe('ok')
  })

  it('with refused tools is none, unless checks show that the work is done', () => {
    const refused = evidence('claude_code', { ...good, denied: ['Bash', 'Bash', 'WebFetch'] })
    expect(classifyEnd(refused, 'none', now)).toMatchObject({
      endClass: 'permission_denied',
      detail: expect.stringContaining('Bash, WebFetch'),
    })
    expect(classOf(refused, 'passed')).toBe('ok')
    expect(classOf(refused, 'failed')).toBe('gate_failed')
  })

  it('that the checks refuse has failed at the gate', () => {
    expect(classOf(evidence('claude_code', good), 'failed')).toBe('gate_failed')
    expect(classOf(evidence('claude_code', failed('Prompt is too long')), 'failed')).toBe('context_too_long')
  })
})

describe('a command', () => {
  it('is judged by its exit code alone', () => {
    expect(classOf(evidence('command'))).toBe('ok')
    expect(classOf(evidence('shell', { exitCode: 3, stderr: 'usage limit, 401, overloaded' }))).toBe('crashed')
    expect(classOf(evidence('command', { exitCode: null, signal: 'SIGKILL' }))).toBe('crashed')
    expect(classOf(evidence('command'), 'failed')).toBe('gate_failed')
  })
})
