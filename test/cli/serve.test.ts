import { expect, test } from 'vitest'
import { reachableUrl } from '../../src/cli/commands/serve.ts'

test.each([
  ['http://0.0.0.0:8780', 'http://127.0.0.1:8780'],
  ['http://[::]:8780', 'http://[::1]:8780'],
  ['http://192.0.2.1:8780', 'http://192.0.2.1:8780'],
])('a server at %s is announced at %s', (bound, announced) => {
  expect(reachableUrl(bound)).toBe(announced)
})
