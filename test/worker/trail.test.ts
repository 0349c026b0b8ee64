import { expect, test } from 'vitest'
import { TrailRecorder } from '../../src/worker/trail.ts'

const tool = (name: string, input: unknown) => ({ kind: 'tool', name, input }) as const

test.each([
  ['Claude Code', tool('Bash', { command: 'npm test' }), tool('Edit', { file_path: '/repo/src/a.ts' })],
  ['Codex', tool('command_execution', 'npm test'), tool('file_change', [{ path: '/repo/src/a.ts', kind: 'update' }])],
  ['Gemini', tool('run_shell_command', { command: 'npm test' }), tool('write_file', { file_path: 'src/a.ts' })],
  ['OpenCode', tool('bash', { command: 'npm test' }), tool('edit', { filePath: '/repo/src/a.ts' })],
  ['Cursor', tool('shell', { command: 'npm test' }), tool('write', { path: 'src/a.ts' })],
])('what %s tells of its tools is what it did', (_agent, ran, wrote) => {
  const recorder = new TrailRecorder({})
  for (const event of [ran, tool('Read', { file_path: '/repo/read.ts' }), wrote]) recorder.add(event)
  const changes = { root: '/repo', files: ['src/b.ts', 'src/a.ts'], commits: null }
  expect(recorder.trail(changes)).toEqual({
    ...{ changedFiles: ['src/a.ts', 'src/b.ts'], commandsExecuted: ['npm test'], leftOut: 0, commits: null },
  })
})

test('of very much the first is kept, and how much more there was', () => {
  const recorder = new TrailRecorder({ argv: ['make', 'all'] })
  for (let run = 0; run < 300; run += 1) recorder.add(tool('Bash', { command: `step ${run} ${'x'.repeat(3_000)}` }))
  const files = Array.from({ length: 1_100 }, (_, index) => `f${index}`)
  const trail = recorder.trail({ root: '/repo', files, commits: null })
  expect([trail.commandsExecuted.length, trail.changedFiles.length, trail.leftOut]).toEqual([200, 1_000, 101 + 100])
  expect(trail.commandsExecuted.slice(0, 1)).toEqual(['make all'])
  expect(Math.max(...trail.commandsExecuted.map(({ length }) => length))).toBe(2_000)
})
