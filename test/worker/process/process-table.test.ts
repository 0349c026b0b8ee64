import { expect, test } from 'vitest'
import { familyOf, parseProcStat, parsePsLine, readProcesses } from '../../../src/worker/process/process-table.ts'

test('a line of /proc/<pid>/stat, whatever the command is called', () => {
  const line = '42 (a) b (c) S 7 40 39 0 -1 4194304 1 0 0 0 150 25 0 0 20 0 1 0 98765 1000 1 18446744073709551615'
  expect(parseProcStat(line)).toEqual({ pid: 42, parentPid: 7, group: 40, cpuMs: 1_750, started: '98765' })
  expect(parseProcStat(line.replace(') S', ') Z'))).toBeNull()
})

// As macOS prints them, by its manual; this suite does not run there.
test.each([
  ['  501     1   501 Ss     0:03.25 Mon Nov 23 09:12:01 2026    ', { pid: 501, cpuMs: 3_250 }],
  ['  502   501   501 R+    61:03.25 Mon Nov 23 09:12:01 2026', { parentPid: 501, cpuMs: 3_663_250 }],
  ['  503   501   503 S  1-02:03:04 Mon Nov 23 09:12:01 2026', { group: 503, cpuMs: 93_784_000 }],
])('the line of ps «%s»', (line, row) => {
  expect(parsePsLine(line)).toMatchObject({ ...row, started: 'Mon Nov 23 09:12:01 2026' })
})

test('zombies and headings are no processes', () => {
  expect(parsePsLine('  501     1   501 Z      0:00.00 Mon Nov 23 09:12:01 2026')).toBeNull()
  expect(parsePsLine('  PID  PPID  PGID STAT TIME STARTED')).toBeNull()
})

test('a family is the group and all that descends from it, in whatever order it is listed', () => {
  const row = (pid: number, parentPid: number, group: number) => ({ pid, parentPid, group, cpuMs: 0, started: '1' })
  const rows = [row(9, 8, 8), row(8, 5, 8), row(5, 1, 5), row(6, 1, 5), row(7, 1, 7)]
  expect(familyOf(rows, 5).map(({ pid }) => pid)).toEqual([9, 8, 5, 6])
})

test('this process is among the processes of this host', async () => {
  const own = (await readProcesses()).find(({ pid }) => pid === process.pid)
  expect(own).toMatchObject({ parentPid: process.ppid })
  expect(own?.cpuMs).toBeGreaterThan(0)
})
