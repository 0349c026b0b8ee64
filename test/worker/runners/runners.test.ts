import { anything, assert, constantFrom, property, string } from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { must } from '../../../src/base/assert.ts'
import { createRunners, type RunEvent, type RunRequest } from '../../../src/worker/runners/index.ts'
import { CURSOR_RECORDED } from './cursor-recorded.ts'

const runners = createRunners({ shell: true })
const request: RunRequest = { prompt: 'do it', cwd: '/work', permission: 'edit' }

function runnerOf(platform: string) {
  return must(runners.get(platform), 'a platform')
}

function eventsOf(platform: string, ...lines: unknown[]): RunEvent[] {
  return lines.flatMap((line) => runnerOf(platform).parseLine(JSON.stringify(line)))
}

const argsOf = (platform: string, change: Partial<RunRequest> = {}) =>
  runnerOf(platform)
    .invocation({ ...request, ...change }, '/scratch')
    .args.join(' ')

test('scripts for a shell have to be opted into', () => {
  expect([...createRunners({ shell: false }).keys()]).toEqual([
    ...['claude_code', 'codex', 'gemini', 'cursor', 'opencode', 'command'],
  ])
  expect(runners.has('shell')).toBe(true)
})

test('whatever stands in a line, no parser fails, and what it does not know tells nothing', () => {
  const types = [
    'system',
    'assistant',
    'user',
    'result',
    'rate_limit_event',
    'item.completed',
    'item.started',
    'turn.failed',
  ]
  const more = [
    'turn.completed',
    'thread.started',
    'step_finish',
    'text',
    'tool_use',
    'tool_call',
    'error',
    'message',
    'init',
  ]
  assert(
    property(
      constantFrom(...types, ...more),
      anything(),
      constantFrom('message', 'item', 'part', 'usage', 'stats'),
      (type, value, key) => {
        const line = JSON.stringify({ type, [key]: value })
        for (const runner of runners.values()) expect(Array.isArray(runner.parseLine(line))).toBe(true)
      },
    ),
  )
  assert(
    property(string({ unit: 'binary' }), (text) => {
      for (const runner of runners.values()) {
        if (runner.format === 'jsonl') expect(runner.parseLine(`noise ${text}`)).toEqual([])
      }
    }),
  )
  for (const platform of ['claude_code', 'codex', 'gemini', 'cursor', 'opencode'])
    expect(eventsOf(platform, { type: 'invented_tomorrow', session_id: 'x' })).toEqual([])
})

test('no prompt is an argument, and every permission is said', () => {
  for (const platform of ['claude_code', 'codex', 'gemini', 'cursor', 'opencode']) {
    const { args, stdin } = runnerOf(platform).invocation(request, '/scratch')
    expect(stdin).toBe('do it')
    expect(args).not.toContain('do it')
    const spoken = new Set((['read', 'edit', 'full'] as const).map((permission) => argsOf(platform, { permission })))
    // Cursor's agent either changes files or proposes changes.
    expect(spoken.size).toBe(platform === 'cursor' ? 2 : 3)
  }
  expect(argsOf('claude_code', { permission: 'full' })).toContain('--permission-mode bypassPermissions')
  expect(argsOf('codex', { permission: 'read' })).toContain('--sandbox read-only')
  expect(argsOf('gemini')).toContain('--approval-mode auto_edit')
  expect(argsOf('cursor', { permission: 'read' })).not.toContain('--force')
  expect(argsOf('opencode', { permission: 'full' })).toContain('--auto')
})

test('a session is resumed, by its id', () => {
  for (const platform of ['claude_code', 'codex', 'gemini', 'cursor', 'opencode'])
    expect(argsOf(platform, { resumeSessionId: 'abc' })).toMatch(/(--)?(resume|session) abc/)
})

describe('Claude Code', () => {
  const events = (...lines: unknown[]) => eventsOf('claude_code', ...lines)
  // As recorded, without what no one reads.
  const failed = {
    type: 'result',
    subtype: 'success',
    is_error: true,
    api_error_status: 529,
    result: 'API Error: 529 Overloaded.',
  }

  it('calls a failed run a success, which is not believed', () => {
    expect(events({ ...failed, modelUsage: {}, permission_denials: [], terminal_reason: 'completed' })).toEqual([
      {
        ...{ kind: 'result', text: 'API Error: 529 Overloaded.', structured: undefined },
        failure: { message: 'API Error: 529 Overloaded.', status: 529, code: 'completed' },
      },
    ])
  })

  it('words its own errors as a model that costs nothing', () => {
    const message = { id: 'x', model: '<synthetic>', content: [{ type: 'text', text: 'Not logged in' }], usage: {} }
    expect(events({ type: 'assistant', message, error: 'authentication_failed' })).toEqual([
      { kind: 'text', text: 'Not logged in' },
    ])
  })

  it('tells an interrupted turn by its reason alone', () => {
    const [end] = events({
      type: 'result',
      subtype: 'success',
      is_error: false,
      result: '',
      terminal_reason: 'aborted_tools',
    })
    expect(end).toMatchObject({ kind: 'result', failure: { code: 'aborted_tools' } })
  })

  it('tells its errors in a list when the run has no result', () => {
    const [end] = events({
      type: 'result',
      subtype: 'error_max_turns',
      is_error: true,
      errors: ['Reached maximum (3)'],
    })
    expect(end).toMatchObject({ text: null, failure: { message: 'error_max_turns: Reached maximum (3)' } })
  })

  it('tells the limit of the account with the second it ends', () => {
    const info = { status: 'rejected', resetsAt: 1_795_600_000, utilization: 1 }
    expect(events({ type: 'rate_limit_event', rate_limit_info: info })).toEqual([
      { kind: 'usage_limit', isReached: true, resetsAt: new Date(1_795_600_000_000) },
    ])
    expect(events({ type: 'rate_limit_event', rate_limit_info: { status: 'allowed_warning' } })).toEqual([
      { kind: 'usage_limit', isReached: false, resetsAt: null },
    ])
  })

  it('tells its retries and its refusals', () => {
    expect(events({ type: 'system', subtype: 'api_retry', attempt: 2, max_retries: 10, error_status: 529 })).toEqual([
      { kind: 'notice', text: 'attempt 2 of 10 failed: 529' },
    ])
    const denial = { tool_name: 'Bash', tool_use_id: 't', tool_input: {} }
    expect(
      events({ type: 'result', subtype: 'success', result: 'x', permission_denials: [denial, denial] }),
    ).toContainEqual({
      ...{ kind: 'denied', tools: ['Bash', 'Bash'] },
    })
  })
})

describe('Codex', () => {
  it('counts cached tokens as input, which are taken apart', () => {
    const usage = { input_tokens: 140, cached_input_tokens: 40, cache_write_input_tokens: 10, output_tokens: 20 }
    const tokens = { inputTokens: 90, outputTokens: 20, cacheReadTokens: 40, cacheWriteTokens: 10 }
    expect(eventsOf('codex', { type: 'turn.completed', usage })).toEqual([
      { kind: 'usage', report: { kind: 'total', models: [{ model: null, tokens, costUsd: null }] } },
      { kind: 'result', text: null, failure: null },
    ])
  })

  it('calls a warning an error, which is no failure', () => {
    const item = { id: 'item_0', type: 'error', message: 'Model metadata for `x` not found.' }
    expect(
      eventsOf('codex', { type: 'item.completed', item }, { type: 'error', message: 'Reconnecting... 1/5' }),
    ).toEqual([
      { kind: 'notice', text: 'Model metadata for `x` not found.' },
      { kind: 'notice', text: 'Reconnecting... 1/5' },
    ])
  })

  it('names a tool of a server by both', () => {
    const item = {
      id: 'i',
      type: 'mcp_tool_call',
      server: 'memory',
      tool: 'remember',
      arguments: { a: 1 },
      status: 'failed',
    }
    expect(eventsOf('codex', { type: 'item.started', item }, { type: 'item.completed', item })).toEqual([
      { kind: 'tool', name: 'memory.remember', input: { a: 1 } },
      { kind: 'tool_end', name: 'memory.remember', isError: true },
    ])
  })
})

describe('Gemini CLI', () => {
  it('passes on the status of the provider inside its message', () => {
    const message = '[API Error: {"error":{"code":401,"message":"bad key","status":"UNAUTHENTICATED"}}]'
    const [end] = eventsOf('gemini', { type: 'result', status: 'error', error: { type: 'unknown', message } })
    expect(end).toEqual({ kind: 'result', text: null, failure: { message, status: 401, code: 'unknown' } })
  })

  it('says its text in pieces, and repeats what it was asked', () => {
    const user = { type: 'message', role: 'user', content: 'do it' }
    const piece = { type: 'message', role: 'assistant', content: 'done', delta: true }
    expect(eventsOf('gemini', user, piece)).toEqual([{ kind: 'text', text: 'done', delta: true }])
  })
})

describe('OpenCode', () => {
  const step = (reason: string, cost: number) => ({
    type: 'step_finish',
    part: {
      reason,
      messageID: 'm1',
      tokens: { input: 100, output: 20, reasoning: 5, cache: { write: 0, read: 40 } },
      cost,
    },
  })

  it('has ended when a step ends for another reason than its tools', () => {
    const kinds = (reason: string) => eventsOf('opencode', step(reason, 0)).map(({ kind }) => kind)
    expect(kinds('tool-calls')).toEqual(['usage'])
    expect(kinds('stop')).toEqual(['usage', 'result'])
    expect(eventsOf('opencode', step('length', 0))[1]).toMatchObject({ failure: { code: 'length' } })
  })

  it('reports the cost of a model with a price, and none for another', () => {
    const costs = [0.25, 0].map((cost) => eventsOf('opencode', step('stop', cost))[0])
    expect(costs).toMatchObject([{ report: { costUsd: 0.25 } }, { report: { costUsd: null } }])
    expect(costs[0]).toMatchObject({ report: { tokens: { inputTokens: 100, outputTokens: 25, cacheReadTokens: 40 } } })
  })

  it('fails with the status of the provider', () => {
    const error = { name: 'APIError', data: { message: 'bad key', statusCode: 401, isRetryable: false } }
    expect(eventsOf('opencode', { type: 'error', sessionID: 'ses_1', error })).toEqual([
      { kind: 'session', sessionId: 'ses_1', model: null },
      { kind: 'result', text: null, failure: { message: 'APIError: bad key', status: 401, code: 'APIError' } },
    ])
  })
})

// By its documentation, not by measurement: see the recorded events.
describe("Cursor's agent", () => {
  it('tells its session, its text and its result', () => {
    expect(eventsOf('cursor', ...CURSOR_RECORDED.answer)).toEqual([
      { kind: 'session', sessionId: 'c6b62c6f-7ead-4fd6-9922-e952131177ff', model: 'Composer' },
      { kind: 'text', text: 'hello there' },
      { kind: 'turn' },
      { kind: 'result', text: 'hello there', failure: null },
    ])
  })

  it('names a tool by the only key of its call', () => {
    expect(eventsOf('cursor', CURSOR_RECORDED.toolStarted, CURSOR_RECORDED.toolCompleted)).toEqual([
      { kind: 'tool', name: 'read', input: { path: 'README.md' } },
      { kind: 'tool_end', name: 'read', isError: false },
    ])
  })
})
