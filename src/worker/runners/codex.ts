import { join } from 'node:path'
import { at, countOf, type JsonObject, objectIn, objectOf, textOf } from './json.ts'
import type { Permission, RunEvent, Runner, RunRequest } from './port.ts'

const SANDBOXES: Record<Permission, string> = { read: 'read-only', edit: 'workspace-write', full: 'danger-full-access' }
const SCHEMA_FILE = 'result-schema.json'

/** OpenAI Codex (`codex exec`). Shapes measured with 0.169.0. It tells no cost, and no code of a failure. */
export const codex: Runner = {
  platform: 'codex',
  command: 'codex',
  format: 'jsonl',
  successBy: 'result',
  // Usage is told at the end only, so that a budget could not be kept.
  takes: ['model', 'effort', 'schema', 'resumeSessionId'],
  keeps: [],
  environment: ['CODEX_API_KEY', 'CODEX_HOME', 'OPENAI_API_KEY', 'OPENAI_BASE_URL'],
  invocation: (request, scratch) => ({
    args: argsFor(request, scratch),
    // `-` reads the prompt from standard input, which has to be closed: a pipe left open is waited for.
    stdin: request.prompt,
    files: request.schema === undefined ? [] : [{ name: SCHEMA_FILE, text: JSON.stringify(request.schema) }],
  }),
  parseLine,
  failures: [
    [/hit your usage limit/i, 'usage_limit'],
    [/Quota exceeded|insufficient_quota/i, 'billing'],
    [/status 40[13]\b|Missing environment variable|not logged in|refresh token|log ?in again/i, 'auth'],
    [/status: 429|status 429|rate limit exceeded/i, 'rate_limited'],
    [/high demand|at capacity|status 5\d\d|stream disconnected|Connection failed|idle timeout/i, 'overloaded'],
    [/ran out of room in the model|context.length/i, 'context_too_long'],
  ],
  exitCodes: {},
  versionArgs: ['--version'],
  login: {
    args: ['login', 'status'],
    read: ({ exitCode, stdout, stderr }) => {
      if (exitCode === 0) return 'yes'
      return /not logged in/i.test(stdout + stderr) ? 'no' : 'unknown'
    },
  },
}

function argsFor({ permission, model, effort, schema, resumeSessionId }: RunRequest, scratch: string): string[] {
  return [
    'exec',
    '--json',
    // Whether a directory is a repository is the task's affair.
    '--skip-git-repo-check',
    ...['--sandbox', SANDBOXES[permission]],
    ...(model === undefined ? [] : ['--model', model]),
    ...(effort === undefined ? [] : ['-c', `model_reasoning_effort=${JSON.stringify(effort)}`]),
    ...(schema === undefined ? [] : ['--output-schema', join(scratch, SCHEMA_FILE)]),
    ...(resumeSessionId === undefined ? [] : ['resume', resumeSessionId]),
    '-',
  ]
}

function parseLine(line: string): RunEvent[] {
  const event = objectIn(line)
  if (event === null) return []
  switch (event.type) {
    case 'thread.started': {
      const sessionId = textOf(event.thread_id)
      return sessionId === null ? [] : [{ kind: 'session', sessionId, model: null }]
    }
    case 'item.started':
      return startEvents(objectOf(event.item))
    case 'item.completed':
      return endEvents(objectOf(event.item))
    case 'turn.completed':
      return [...usageEvents(objectOf(event.usage)), { kind: 'result', text: null, failure: null }]
    case 'turn.failed': {
      const message = textOf(at(event, 'error', 'message')) ?? 'the turn failed'
      return [{ kind: 'result', text: null, failure: { message, status: statusIn(message), code: null } }]
    }
    case 'error':
      return [{ kind: 'notice', text: textOf(event.message) ?? 'error' }]
    default:
      return []
  }
}

const TOOL_ITEMS = ['command_execution', 'mcp_tool_call', 'file_change', 'web_search', 'collab_tool_call']

function startEvents(item: JsonObject | null): RunEvent[] {
  const type = textOf(item?.type)
  if (item === null || type === null || !TOOL_ITEMS.includes(type)) return []
  return [{ kind: 'tool', name: toolOf(item, type), input: item.command ?? item.arguments ?? item.changes }]
}

function endEvents(item: JsonObject | null): RunEvent[] {
  const type = textOf(item?.type)
  if (item === null || type === null) return []
  const text = textOf(item.text)
  if (type === 'agent_message' && text !== null) return [{ kind: 'text', text }]
  // A warning, whatever it is called.
  if (type === 'error') return [{ kind: 'notice', text: textOf(item.message) ?? 'error' }]
  if (!TOOL_ITEMS.includes(type)) return []
  const end: RunEvent = { kind: 'tool_end', name: toolOf(item, type), isError: item.status === 'failed' }
  // Changes of files are told once, when they are done.
  return type === 'file_change' ? [...startEvents(item), end] : [end]
}

function toolOf(item: JsonObject, type: string): string {
  const server = textOf(item.server)
  const tool = textOf(item.tool)
  return server !== null && tool !== null ? `${server}.${tool}` : type
}

/** Input counts include what came from the cache. */
function usageEvents(usage: JsonObject | null): RunEvent[] {
  if (usage === null) return []
  const cacheReadTokens = countOf(usage.cached_input_tokens)
  const cacheWriteTokens = countOf(usage.cache_write_input_tokens)
  const tokens = {
    inputTokens: Math.max(0, countOf(usage.input_tokens) - cacheReadTokens - cacheWriteTokens),
    outputTokens: countOf(usage.output_tokens),
    cacheReadTokens,
    cacheWriteTokens,
  }
  return [{ kind: 'usage', report: { kind: 'total', models: [{ model: null, tokens, costUsd: null }] } }]
}

function statusIn(message: string): number | null {
  const [, status] = /\bstatus:? (\d{3})\b/.exec(message) ?? []
  return status === undefined ? null : Number(status)
}
