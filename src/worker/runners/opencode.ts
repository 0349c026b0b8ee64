import { at, countOf, numberOf, objectIn, textOf } from './json.ts'
import type { RunEvent, Runner, RunRequest } from './port.ts'

/** OpenCode. Shapes measured with 1.18.33. Its events do not name the model. */
export const opencode: Runner = {
  platform: 'opencode',
  command: 'opencode',
  format: 'jsonl',
  successBy: 'result',
  takes: ['model', 'effort', 'turnsMax', 'budgetUsd', 'resumeSessionId'],
  keeps: [],
  environment: [
    'ANTHROPIC_API_KEY',
    'OPENAI_API_KEY',
    'GEMINI_API_KEY',
    'OPENROUTER_API_KEY',
    'OPENCODE_API_KEY',
    'OPENCODE_CONFIG',
    'OPENCODE_CONFIG_DIR',
  ],
  // Without a message it reads standard input, which has to be closed: a pipe left open is waited for.
  invocation: (request) => ({ args: argsFor(request), stdin: request.prompt }),
  parseLine,
  failures: [
    [/insufficient_quota|credit|billing/i, 'billing'],
    [/ProviderAuthError|API key/i, 'auth'],
    [/usage limit/i, 'usage_limit'],
    [/rate limit|too many requests/i, 'rate_limited'],
    [/overloaded|ECONN|Unable to connect|fetch failed/i, 'overloaded'],
    [/context.length|prompt is too long|ContextOverflow/i, 'context_too_long'],
  ],
  exitCodes: {},
  versionArgs: ['--version'],
  login: {
    args: ['auth', 'list'],
    // Keys of the configuration and the environment's own are not counted there, so none means little.
    read: ({ exitCode, stdout }) => (exitCode === 0 && /\b[1-9]\d* credentials?/.test(stdout) ? 'yes' : 'unknown'),
  },
}

function argsFor({ permission, model, effort, resumeSessionId }: RunRequest): string[] {
  return [
    'run',
    ...['--format', 'json'],
    ...(permission === 'read' ? ['--agent', 'plan'] : []),
    ...(permission === 'full' ? ['--auto'] : []),
    ...(model === undefined ? [] : ['--model', model]),
    ...(effort === undefined ? [] : ['--variant', effort]),
    ...(resumeSessionId === undefined ? [] : ['--session', resumeSessionId]),
  ]
}

function parseLine(line: string): RunEvent[] {
  const event = objectIn(line)
  if (event === null) return []
  const sessionId = textOf(event.sessionID)
  const session: RunEvent[] = sessionId === null ? [] : [{ kind: 'session', sessionId, model: null }]
  switch (event.type) {
    case 'step_start':
      return [...session, { kind: 'turn' }]
    case 'text': {
      const text = textOf(at(event, 'part', 'text'))
      return text === null ? [] : [{ kind: 'text', text }]
    }
    case 'tool_use': {
      const name = textOf(at(event, 'part', 'tool')) ?? 'unknown'
      const isError = at(event, 'part', 'state', 'status') === 'error'
      return [
        { kind: 'tool', name, input: at(event, 'part', 'state', 'input') },
        { kind: 'tool_end', name, isError },
      ]
    }
    case 'step_finish':
      return stepEvents(event.part)
    case 'error':
      return [...session, failureEvent(event.error)]
    default:
      return []
  }
}

/** The last step's reason is another than `tool-calls`; there is no line for the end of the run. */
function stepEvents(part: unknown): RunEvent[] {
  const messageId = textOf(at(part, 'messageID'))
  const cost = numberOf(at(part, 'cost'))
  const tokens = {
    inputTokens: countOf(at(part, 'tokens', 'input')),
    outputTokens: countOf(at(part, 'tokens', 'output')) + countOf(at(part, 'tokens', 'reasoning')),
    cacheReadTokens: countOf(at(part, 'tokens', 'cache', 'read')),
    cacheWriteTokens: countOf(at(part, 'tokens', 'cache', 'write')),
  }
  const usage: RunEvent[] =
    messageId === null
      ? []
      : // A model without a price costs it nothing, which is no report.
        [{ kind: 'usage', report: { kind: 'message', messageId, model: null, tokens, costUsd: cost || null } }]
  const reason = textOf(at(part, 'reason'))
  if (reason === 'stop') return [...usage, { kind: 'result', text: null, failure: null }]
  if (reason === null || reason === 'tool-calls') return usage
  const message = `the answer ended early: ${reason}`
  return [...usage, { kind: 'result', text: null, failure: { message, status: null, code: reason } }]
}

function failureEvent(error: unknown): RunEvent {
  const code = textOf(at(error, 'name'))
  const message = textOf(at(error, 'data', 'message')) ?? code ?? 'the run failed'
  const status = numberOf(at(error, 'data', 'statusCode'))
  return {
    kind: 'result',
    text: null,
    failure: { message: code === null ? message : `${code}: ${message}`, status, code },
  }
}
