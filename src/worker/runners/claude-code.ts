import type { Tokens } from '../usage.ts'
import { at, countOf, type JsonObject, listOf, numberOf, objectIn, objectOf, textOf } from './json.ts'
import type { Failure, Permission, RunEvent, Runner, RunRequest } from './port.ts'

const PERMISSION_MODES: Record<Permission, string> = { read: 'plan', edit: 'acceptEdits', full: 'bypassPermissions' }

/** Claude Code. Shapes measured with 2.1.197. */
export const claudeCode: Runner = {
  platform: 'claude_code',
  command: 'claude',
  format: 'jsonl',
  successBy: 'result',
  takes: ['model', 'effort', 'tools', 'turnsMax', 'budgetUsd', 'schema', 'resumeSessionId'],
  keeps: ['turnsMax', 'budgetUsd'],
  environment: [
    'ANTHROPIC_API_KEY',
    'ANTHROPIC_AUTH_TOKEN',
    'ANTHROPIC_BASE_URL',
    'ANTHROPIC_MODEL',
    'ANTHROPIC_CUSTOM_HEADERS',
    'CLAUDE_CODE_OAUTH_TOKEN',
    'CLAUDE_CODE_MAX_RETRIES',
    'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC',
    'CLAUDE_CODE_MAX_OUTPUT_TOKENS',
    'CLAUDE_CONFIG_DIR',
    'API_TIMEOUT_MS',
    'BASH_DEFAULT_TIMEOUT_MS',
    'BASH_MAX_TIMEOUT_MS',
  ],
  invocation: (request) => ({
    args: argsFor(request),
    stdin: request.prompt,
    // A CLI that replaces itself during a run breaks the run.
    env: { DISABLE_AUTOUPDATER: '1' },
  }),
  parseLine,
  failures: [
    [
      /Not logged in|Invalid API key|Failed to authenticate|Please run \/login|OAuth token|authentication method/i,
      'auth',
    ],
    [/Credit balance is too low|organization has been disabled|spend limit reached/i, 'billing'],
    [/hit your [^.]{0,40}limit|usage limit reached/i, 'usage_limit'],
    [/temporarily limiting requests|Request rejected \(429\)/i, 'rate_limited'],
    [/Overloaded|API Error: 5\d\d|Connection error|Unable to connect/i, 'overloaded'],
    [/Prompt is too long/i, 'context_too_long'],
    [/^(?:error_max_turns|error_max_budget_usd)\b/, 'budget'],
    [/cannot be used with root\/sudo/, 'permission_denied'],
  ],
  exitCodes: {},
  versionArgs: ['--version'],
  login: {
    args: ['auth', 'status'],
    read({ exitCode, stdout }) {
      const loggedIn = at(objectIn(stdout.trim()), 'loggedIn')
      if (loggedIn === true) return 'yes'
      return loggedIn === false || exitCode === 1 ? 'no' : 'unknown'
    },
  },
}

function argsFor({ permission, model, effort, tools, turnsMax, budgetUsd, schema, resumeSessionId }: RunRequest) {
  return [
    '--print',
    ...['--output-format', 'stream-json', '--verbose'],
    ...['--permission-mode', PERMISSION_MODES[permission]],
    // Without a terminal nobody is asked whether the repository is trusted: its hooks and servers would simply run.
    ...['--setting-sources', 'user', '--strict-mcp-config'],
    ...(model === undefined ? [] : ['--model', model]),
    ...(effort === undefined ? [] : ['--effort', effort]),
    ...(tools === undefined ? [] : ['--tools', tools.join(',')]),
    ...(turnsMax === undefined ? [] : ['--max-turns', String(turnsMax)]),
    ...(budgetUsd === undefined ? [] : ['--max-budget-usd', String(budgetUsd)]),
    ...(schema === undefined ? [] : ['--json-schema', JSON.stringify(schema)]),
    ...(resumeSessionId === undefined ? [] : ['--resume', resumeSessionId]),
  ]
}

function parseLine(line: string): RunEvent[] {
  const event = objectIn(line)
  if (event === null) return []
  switch (event.type) {
    case 'system':
      return systemEvents(event)
    case 'assistant':
      return assistantEvents(event)
    case 'user':
      return listOf(at(event, 'message', 'content')).flatMap((block) =>
        at(block, 'type') === 'tool_result'
          ? [{ kind: 'tool_end' as const, name: null, isError: at(block, 'is_error') === true }]
          : [],
      )
    case 'rate_limit_event':
      return limitEvents(event)
    case 'result':
      return resultEvents(event)
    default:
      return []
  }
}

function systemEvents(event: JsonObject): RunEvent[] {
  const sessionId = textOf(event.session_id)
  if (event.subtype === 'init' && sessionId !== null) {
    return [{ kind: 'session', sessionId, model: textOf(event.model) }]
  }
  if (event.subtype !== 'api_retry') return []
  const status = numberOf(event.error_status) ?? textOf(event.error) ?? 'no answer'
  return [
    { kind: 'notice', text: `attempt ${countOf(event.attempt)} of ${countOf(event.max_retries)} failed: ${status}` },
  ]
}

/** A message comes in several lines, one a content block, each with the usage as it was when the message began. */
function assistantEvents(event: JsonObject): RunEvent[] {
  const message = objectOf(event.message)
  if (message === null) return []
  const model = textOf(message.model)
  const messageId = textOf(message.id)
  const said = listOf(message.content).flatMap((block): RunEvent[] => {
    const text = textOf(at(block, 'text'))
    if (at(block, 'type') === 'text' && text !== null) return [{ kind: 'text', text }]
    const name = textOf(at(block, 'name'))
    if (at(block, 'type') === 'tool_use' && name !== null) return [{ kind: 'tool', name, input: at(block, 'input') }]
    return []
  })
  // The CLI words its own errors as messages of a model that does not exist.
  if (model === '<synthetic>' || messageId === null) return said
  const tokens = apiTokens(objectOf(message.usage))
  return [...said, { kind: 'usage', report: { kind: 'message', messageId, model, tokens, costUsd: null } }]
}

function apiTokens(usage: JsonObject | null): Tokens {
  return {
    inputTokens: countOf(usage?.input_tokens),
    outputTokens: countOf(usage?.output_tokens),
    cacheReadTokens: countOf(usage?.cache_read_input_tokens),
    cacheWriteTokens: countOf(usage?.cache_creation_input_tokens),
  }
}

function limitEvents(event: JsonObject): RunEvent[] {
  const info = objectOf(event.rate_limit_info)
  const resetsAt = numberOf(info?.resetsAt)
  const isReached = info?.status === 'rejected'
  return [{ kind: 'usage_limit', isReached, resetsAt: resetsAt === null ? null : new Date(resetsAt * 1000) }]
}

/** `subtype` is `success` also when the last call of the API failed; `is_error` tells. */
function resultEvents(event: JsonObject): RunEvent[] {
  const sessionId = textOf(event.session_id)
  const models = Object.entries(objectOf(event.modelUsage) ?? {}).map(([model, usage]) => ({
    model,
    tokens: {
      inputTokens: countOf(at(usage, 'inputTokens')),
      outputTokens: countOf(at(usage, 'outputTokens')),
      cacheReadTokens: countOf(at(usage, 'cacheReadInputTokens')),
      cacheWriteTokens: countOf(at(usage, 'cacheCreationInputTokens')),
    },
    costUsd: numberOf(at(usage, 'costUSD')),
  }))
  const denied = listOf(event.permission_denials).flatMap((denial) => textOf(at(denial, 'tool_name')) ?? [])
  return [
    ...(sessionId === null ? [] : [{ kind: 'session' as const, sessionId, model: null }]),
    // A run that failed before its first answer tells no models, which says nothing of what was heard before.
    ...(models.length === 0 ? [] : [{ kind: 'usage' as const, report: { kind: 'total' as const, models } }]),
    ...(denied.length === 0 ? [] : [{ kind: 'denied' as const, tools: denied }]),
    {
      kind: 'result',
      text: textOf(event.result),
      structured: event.structured_output,
      failure: failureIn(event),
    },
  ]
}

function failureIn(event: JsonObject): Failure | null {
  const subtype = textOf(event.subtype) ?? 'unknown'
  const reason = textOf(event.terminal_reason)
  const isAborted = reason?.startsWith('aborted') === true
  if (event.is_error !== true && subtype === 'success' && !isAborted) return null
  const errors = listOf(event.errors).flatMap((error) => textOf(error) ?? [])
  const said = textOf(event.result) ?? errors.join('; ')
  const message = subtype === 'success' ? said : `${subtype}: ${said}`
  return { message, status: numberOf(event.api_error_status), code: reason }
}
