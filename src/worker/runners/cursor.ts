import { at, type JsonObject, listOf, objectIn, objectOf, textOf } from './json.ts'
import type { RunEvent, Runner, RunRequest } from './port.ts'

/**
 * Cursor's agent. It cannot be installed from a package registry, so its shapes are those of its documentation and not
 * measured. It tells neither usage nor cost, and a failure only by its exit code and in words on standard error.
 */
export const cursor: Runner = {
  platform: 'cursor',
  command: 'cursor-agent',
  format: 'jsonl',
  successBy: 'result',
  takes: ['model', 'turnsMax', 'resumeSessionId'],
  keeps: [],
  environment: ['CURSOR_API_KEY', 'CURSOR_CONFIG_DIR'],
  invocation: (request) => ({ args: argsFor(request), stdin: request.prompt }),
  parseLine,
  failures: [
    [/not logged in|authentication required|CURSOR_API_KEY|invalid api key|unauthorized/i, 'auth'],
    [/hit your (?:usage )?limit|usage limit/i, 'usage_limit'],
    [/rate limit|too many requests/i, 'rate_limited'],
    [/payment|billing/i, 'billing'],
    [/trust/i, 'permission_denied'],
  ],
  exitCodes: {},
  versionArgs: ['--version'],
  login: {
    args: ['status'],
    read: ({ exitCode, stdout, stderr }) => {
      if (/not logged in/i.test(stdout + stderr)) return 'no'
      return exitCode === 0 && /logged in/i.test(stdout) ? 'yes' : 'unknown'
    },
  },
}

function argsFor({ permission, model, resumeSessionId }: RunRequest): string[] {
  return [
    '--print',
    ...['--output-format', 'stream-json'],
    '--trust',
    // Without it changes are only proposed.
    ...(permission === 'read' ? [] : ['--force']),
    ...(model === undefined ? [] : ['--model', model]),
    ...(resumeSessionId === undefined ? [] : ['--resume', resumeSessionId]),
  ]
}

function parseLine(line: string): RunEvent[] {
  const event = objectIn(line)
  if (event === null) return []
  switch (event.type) {
    case 'system': {
      const sessionId = textOf(event.session_id)
      if (event.subtype !== 'init' || sessionId === null) return []
      return [{ kind: 'session', sessionId, model: textOf(event.model) }]
    }
    case 'assistant': {
      const texts = listOf(at(event, 'message', 'content')).flatMap((block) => textOf(at(block, 'text')) ?? [])
      return [...texts.map((text) => ({ kind: 'text' as const, text })), { kind: 'turn' }]
    }
    case 'tool_call':
      return toolEvents(event)
    case 'result': {
      const text = textOf(event.result)
      const isOk = event.subtype === 'success' && event.is_error !== true
      const failure = isOk ? null : { message: text ?? 'the run failed', status: null, code: textOf(event.subtype) }
      return [{ kind: 'result', text, failure }]
    }
    default:
      return []
  }
}

/** The tool's name is the only key of `tool_call`: `{"readToolCall": {"args": …}}`. */
function toolEvents(event: JsonObject): RunEvent[] {
  const [entry] = Object.entries(objectOf(event.tool_call) ?? {})
  if (entry === undefined) return []
  const name = entry[0].replace(/ToolCall$/, '')
  if (event.subtype === 'started') return [{ kind: 'tool', name, input: at(entry[1], 'args') }]
  return [{ kind: 'tool_end', name, isError: at(entry[1], 'result', 'error') !== undefined }]
}
