import { assert } from '../../base/assert.ts'
import { invalid } from '../../base/errors.ts'
import type { Runner } from './port.ts'

const program: Omit<Runner, 'platform' | 'command' | 'takes' | 'invocation'> = {
  format: 'text',
  successBy: 'exit_code',
  keeps: [],
  environment: [],
  parseLine: (line) => [{ kind: 'text', text: `${line}\n`, delta: true }],
  failures: [],
  exitCodes: {},
  versionArgs: [],
  login: null,
}

/** Any program with its arguments, without a shell: no part of them is ever read as anything but an argument. */
export const command: Runner = {
  ...program,
  platform: 'command',
  // Named by each request.
  command: '',
  takes: ['argv'],
  invocation({ argv }) {
    const [file, ...args] = argv ?? []
    if (file === undefined || file === '') throw invalid('/input_data/argv', 'expected a program and its arguments')
    return { file, args, stdin: null }
  },
}

/** A script for `sh`. Whoever may write a task may run anything as the worker's user, so it has to be opted into. */
export const shell: Runner = {
  ...program,
  platform: 'shell',
  command: 'sh',
  takes: ['script'],
  invocation({ script }) {
    if (script === undefined || script === '') throw invalid('/input_data/script', 'expected a script')
    assert(!script.includes('\0'), 'a text of the store holds no NUL')
    return { args: ['-c', script], stdin: null }
  },
}
