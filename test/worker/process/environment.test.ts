import { expect, test } from 'vitest'
import { childEnvironment } from '../../../src/worker/process/environment.ts'

const source = {
  PATH: '/bin',
  HOME: '/home/worker',
  LC_ALL: 'C.UTF-8',
  DATABASE_URL: 'postgres://secret',
  PGPASSWORD: 'secret',
  AGENT_TURBO_API_KEY: 'secret',
  AWS_SECRET_ACCESS_KEY: 'secret',
  ANTHROPIC_API_KEY: 'key of one',
  OPENAI_API_KEY: 'key of another',
  CLAUDECODE: '1',
  CLAUDE_CODE_SESSION_ID: 'outer',
  NODE_OPTIONS: '--require spy.js',
  TZ: undefined,
}

test('a child sees where it is and what its own login needs, and nothing else', () => {
  expect(childEnvironment({ source, names: ['ANTHROPIC_API_KEY'], values: {} })).toEqual({
    PATH: '/bin',
    HOME: '/home/worker',
    LC_ALL: 'C.UTF-8',
    ANTHROPIC_API_KEY: 'key of one',
  })
})

test('values of the run win, but the secrets of the store stay out whoever names them', () => {
  const names = ['DATABASE_URL', 'PGPASSWORD', 'AGENT_TURBO_API_KEY', 'CLAUDECODE', 'CLAUDE_CODE_SESSION_ID']
  const values = { HOME: '/elsewhere', DATABASE_URL: 'x', DATABASE_URL_FILE: 'x', AGENT_TURBO_DATA: 'x', CI: '1' }
  expect(childEnvironment({ source, names, values })).toEqual({
    PATH: '/bin',
    HOME: '/elsewhere',
    LC_ALL: 'C.UTF-8',
    CI: '1',
  })
})
