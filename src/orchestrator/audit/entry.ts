import { redactJson, redactText } from '../../base/redact.ts'
import type { ActionInput } from './types.ts'

/** Bytes of `input_data` and of `output_data`, each, as JSON. */
export const PAYLOAD_BYTES_MAX = 100_000
/** Characters of a description or an error message. */
export const TEXT_CHARS_MAX = 20_000

/** What is written for an action: columns of agent_actions, without secrets, nothing longer than its bound. */
export function entryOf(input: ActionInput, actionId: string | undefined): Record<string, unknown> {
  return {
    action_id: actionId,
    session_id: input.sessionId,
    task_id: input.taskId,
    action_type: input.actionType,
    action_description: shortText(input.actionDescription),
    input_data: shortPayload(input.inputData),
    output_data: shortPayload(input.outputData),
    success: input.success,
    error_message: shortText(input.errorMessage),
    execution_time_ms: input.executionTimeMs,
    changed_files: input.changedFiles?.map(redactText),
    commands_executed: input.commandsExecuted?.map(redactText),
    api_endpoints_called: input.apiEndpointsCalled?.map(redactText),
    metadata: input.metadata === undefined ? undefined : redactJson(input.metadata),
  }
}

function shortText(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const clean = redactText(text)
  if (clean.length <= TEXT_CHARS_MAX) return clean
  return `${wholeCharacters(clean.slice(0, TEXT_CHARS_MAX))} [cut: ${clean.length - TEXT_CHARS_MAX} more characters]`
}

/** The object, or what of its JSON fits, with a note that says how much there was. */
function shortPayload(payload: Record<string, unknown> | undefined): Record<string, unknown> | undefined {
  if (payload === undefined) return undefined
  const clean = redactJson(payload)
  const json = Buffer.from(JSON.stringify(clean), 'utf8')
  if (json.length <= PAYLOAD_BYTES_MAX) return clean
  const beginning = json
    .subarray(0, PAYLOAD_BYTES_MAX)
    .toString('utf8')
    .replace(/\ufffd+$/, '')
  return { cut: `the first ${PAYLOAD_BYTES_MAX} of ${json.length} bytes of JSON`, beginning }
}

/** Without a half character at its end. */
function wholeCharacters(text: string): string {
  return text.replace(/[\ud800-\udbff]$/, '')
}
