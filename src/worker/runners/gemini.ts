import { at, countOf, type JsonObject, objectIn, objectOf, textOf } from './json.ts'
import type { Permission, RunEvent, Runner, RunRequest } from './port.ts'

const APPROVAL_MODES: Record<Permission, string> = { read: 'plan', edit: 'auto_edit', full: 'yolo' }

/** Gemini CLI. Shapes measured with 0.61.0. It tells no cost. */
export const gemini: Runner = {
  platform: 'gemini',
  command: 'gemini',
  format: 'jsonl',
  successBy: 'result',
  // Usage is told at the end only, so that a budget could not be kept.
  takes: ['model', 'resumeSessionId'],
  keeps: [],
  environment: [
    'GEMINI_API_KEY',
    'GOOGLE_API_KEY',
    'GOOGLE_GEMINI_BASE_URL',
    'GOOGLE_GENAI_USE_VERTEXAI',
    'GOOGLE_GENAI_USE_GCA',
    'GOOGLE_CLOUD_PROJECT',
    'GOOGLE_CLOUD_LOCATION',
    'GOOGLE_APPLICATION_CREDENTIALS',
    'GEMINI_MODEL',
  ],
  invocation: (request) => ({ args: argsFor(request), stdin: request.prompt }),
  parseLine,
  failures: [
    [/exhausted your (?:daily )?quota|daily quota/i, 'usage_limit'],
    [/API key not valid|API_KEY_INVALID|Invalid auth method|set an Auth method|UNAUTHENTICATED/i, 'auth'],
    [/billing/i, 'billing'],
    [/RESOURCE_EXHAUSTED|rate limit/i, 'rate_limited'],
    [/UNAVAILABLE|INTERNAL|overloaded|fetch failed|ECONN/i, 'overloaded'],
    [/exceeds the maximum number of tokens|context window/i, 'context_too_long'],
  ],
  // Its own, and for what the provider answered the HTTP status modulo 256.
  exitCodes: {
    41: 'auth',
    53: 'budget',
    55: 'permission_denied',
    145: 'auth',
    147: 'auth',
    173: 'rate_limited',
    244: 'overloaded',
    247: 'overloaded',
  },
  versionArgs: ['--version'],
  login: null,
}

function argsFor({ permission, model, resumeSessionId }: RunRequest): string[] {
  return [
    ...['--output-format', 'stream-json'],
    ...['--approval-mode', APPROVAL_MODES[permission]],
    // Nobody is there to trust the directory; that the task runs in it is the trust.
    '--skip-trust',
    ...(model === undefined ? [] : ['--model', model]),
    ...(resumeSessionId === undefined ? [] : ['--resume', resumeSessionId]),
  ]
}

function parseLine(line: string): RunEvent[] {
  const event = objectIn(line)
  if (event === null) return []
  switch (event.type) {
    case 'init': {
      const sessionId = textOf(event.session_id)
      return sessionId === null ? [] : [{ kind: 'session', sessionId, model: textOf(event.model) }]
    }
    case 'message': {
      const text = textOf(event.content)
      if (event.role !== 'assistant' || text === null) return []
      return [{ kind: 'text', text, delta: event.delta === true }]
    }
    case 'tool_use':
      return [{ kind: 'tool', name: textOf(event.tool_name) ?? 'unknown', input: event.parameters }]
    case 'tool_result':
      return [{ kind: 'tool_end', name: null, isError: event.status === 'error' }]
    case 'error':
      return [{ kind: 'notice', text: textOf(event.message) ?? 'error' }]
    case 'result':
      return resultEvents(event)
    default:
      return []
  }
}

function resultEvents(event: JsonObject): RunEvent[] {
  const models = Object.entries(objectOf(at(event, 'stats', 'models')) ?? {}).map(([model, stats]) => ({
    model,
    tokens: {
      inputTokens: countOf(at(stats, 'input')),
      outputTokens: countOf(at(stats, 'output_tokens')),
      cacheReadTokens: countOf(at(stats, 'cached')),
      cacheWriteTokens: 0,
    },
    costUsd: null,
  }))
  const message = textOf(at(event, 'error', 'message')) ?? 'the run failed'
  const failure =
    event.status === 'success' ? null : { message, status: statusIn(message), code: textOf(at(event, 'error', 'type')) }
  return [
    ...(models.length === 0 ? [] : [{ kind: 'usage' as const, report: { kind: 'total' as const, models } }]),
    { kind: 'result', text: null, failure },
  ]
}

/** The provider's answer is passed on as JSON inside the message. */
function statusIn(message: string): number | null {
  const [, status] = /"code":\s*(\d{3})\b/.exec(message) ?? []
  return status === undefined ? null : Number(status)
}
