const session = { session_id: 'c6b62c6f-7ead-4fd6-9922-e952131177ff' }

/**
 * Events of Cursor's agent as its documentation of the output format shows them (autumn 2026). Not measured: the CLI
 * comes from its maker's own site and is in no package registry.
 */
export const CURSOR_RECORDED = {
  answer: [
    {
      ...{
        type: 'system',
        subtype: 'init',
        apiKeySource: 'login',
        cwd: '/work',
        model: 'Composer',
        permissionMode: 'default',
      },
      ...session,
    },
    { type: 'user', message: { role: 'user', content: [{ type: 'text', text: 'say hello' }] }, ...session },
    { type: 'assistant', message: { role: 'assistant', content: [{ type: 'text', text: 'hello there' }] }, ...session },
    {
      ...{ type: 'result', subtype: 'success', duration_ms: 1234, duration_api_ms: 1234, is_error: false },
      ...{ result: 'hello there', request_id: '10e11780-df2f-45dc-a1ff-4540af32e9c0', ...session },
    },
  ],
  toolStarted: {
    ...{ type: 'tool_call', subtype: 'started', call_id: 'toolu_1', ...session },
    tool_call: { readToolCall: { args: { path: 'README.md' } } },
  },
  toolCompleted: {
    ...{ type: 'tool_call', subtype: 'completed', call_id: 'toolu_1', ...session },
    tool_call: {
      readToolCall: { args: { path: 'README.md' }, result: { success: { content: '# Title', totalLines: 1 } } },
    },
  },
}
