import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { killOrphans, membersOf } from '../../../src/worker/process/group.ts'
import { readProcesses } from '../../../src/worker/process/process-table.ts'
import {
  DEFAULT_LIMITS,
  type ProcessControl,
  type ProcessLimits,
  type ProcessRequest,
  startProcess,
} from '../../../src/worker/process/run-process.ts'
import { runScript } from '../../harness/processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-process-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let serial = 0

interface Trial extends Partial<Omit<ProcessRequest, 'limits'>> {
  limits?: Partial<ProcessLimits>
}

/** Starts a script of `sh`, or what is given instead. */
async function start(script: string, { limits, ...rest }: Trial = {}) {
  const lines: string[] = []
  const runId = `test-${process.pid}-${serial++}`
  const scratch = join(folder, runId)
  mkdirSync(scratch)
  const running = await startProcess({
    ...{
      file: 'sh',
      args: ['-c', script],
      cwd: folder,
      env: { PATH: process.env.PATH ?? '' },
      stdin: null,
      scratch,
      runId,
    },
    format: 'text',
    ...rest,
    limits: { ...DEFAULT_LIMITS, ...limits },
    onLine(line, control) {
      lines.push(line)
      rest.onLine?.(line, control)
    },
  })
  return { ...running, lines, runId }
}

/** Resolves with the control when the program has said `word`. */
function saying(word: string): { onLine: ProcessRequest['onLine']; said: Promise<ProcessControl> } {
  let tell: (control: ProcessControl) => void = () => undefined
  const said = new Promise<ProcessControl>((resolve) => {
    tell = resolve
  })
  return { said, onLine: (line, control) => line === word && tell(control) }
}

describe('a process', () => {
  it('gets its input and no environment but its own, and its end is told', async () => {
    const { ended, lines } = await start('cat; env; echo oops >&2; exit 3', {
      stdin: 'from\nhere\n',
      env: { PATH: '/usr/bin:/bin', A: 'b' },
    })
    expect(await ended).toMatchObject({
      ...{ exitCode: 3, signal: null, stopReason: null, isExitForced: false, leftOver: 0 },
      stderr: { head: 'oops\n' },
    })
    expect(lines.slice(0, 2)).toEqual(['from', 'here'])
    const names = lines.slice(2).map((line) => line.split('=')[0])
    // What `sh` itself sets is not ours.
    expect(names.filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name ?? '')).sort()).toEqual([
      'A',
      'PATH',
      'TURBO_RUN',
    ])
  })

  it('is named for ever, however soon it has ended', async () => {
    const { identity, ended } = await start('exit 0')
    expect(identity.started).toMatch(/^\d+$/)
    await ended
  })

  it('that cannot be started says so', async () => {
    const missing = start('', { file: 'no-such-program' })
    await expect(missing).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('not installed'),
    })
    await expect(start('', { cwd: join(folder, 'gone') })).rejects.toMatchObject({ code: 'invalid_input' })
    await expect(start('', { cwd: '.' })).rejects.toMatchObject({ code: 'invalid_input' })
  })

  it('that does not read its input ends all the same', async () => {
    const { ended } = await start('exit 0', { stdin: 'x'.repeat(1_000_000) })
    expect(await ended).toMatchObject({ exitCode: 0 })
  })

  it('leaves nothing behind: background jobs and sessions of their own are killed', async () => {
    const { ended, identity, runId } = await start(
      'sleep 600 & setsid sleep 601 & (setsid sh -c "sleep 602; true" &); echo done',
    )
    const { leftOver, exitCode, durationMs } = await ended
    expect(exitCode).toBe(0)
    expect(leftOver).toBeGreaterThanOrEqual(3)
    expect(durationMs).toBeLessThan(60_000)
    expect(await membersOf(identity.pid, runId)).toEqual([])
  })

  it('is stopped by a signal to all of its group', async () => {
    const { onLine, said } = saying('ready')
    const { ended, identity, runId } = await start('trap "echo asked; exit 7" INT; sleep 600 & echo ready; wait', {
      onLine,
    })
    ;(await said).stop('cancelled')
    expect(await ended).toMatchObject({ exitCode: 7, stopReason: 'cancelled', stdout: { head: 'ready\nasked\n' } })
    expect(await membersOf(identity.pid, runId)).toEqual([])
  })

  it('that ignores every request is killed in time, and the first reason counts', async () => {
    const { onLine, said } = saying('ready')
    const { ended } = await start('trap "" INT TERM; echo ready; while :; do sleep 0.1; done', { onLine })
    const control = await said
    control.stop('cancelled', 400)
    control.stop('fenced', 100_000)
    expect(await ended).toMatchObject({ signal: 'SIGKILL', stopReason: 'cancelled' })
  })

  it('may run no longer than its time', async () => {
    const { ended } = await start('sleep 600', { limits: { timeoutMs: 200 } })
    expect(await ended).toMatchObject({ stopReason: 'timeout', signal: 'SIGINT' })
  })

  it('that stays after its result is made to go', async () => {
    const { ended } = await start('echo result; sleep 600', {
      limits: { exitGraceMs: 100 },
      onLine: (_, control) => control.expectExit(),
    })
    expect(await ended).toMatchObject({ isExitForced: true, stopReason: null })
  })
})

describe('a stall', () => {
  const stall = { warnAfterMs: 400, stalledAfterMs: 1_200 }

  it('is warned of, and then ends the run', async () => {
    let warnings = 0
    const { ended } = await start('sleep 600', { limits: { stall }, onQuiet: () => warnings++ })
    expect(await ended).toMatchObject({ stopReason: 'stalled' })
    expect(warnings).toBe(1)
  })

  it('is not what computes in silence, in a child and in a session of its own', async () => {
    const busy = `${process.execPath} -e "const end = Date.now() + 3000; while (Date.now() < end);"`
    const { ended } = await start(`setsid --wait ${busy}`, { limits: { stall } })
    expect(await ended).toMatchObject({ stopReason: null, exitCode: 0 })
  })
})

describe('output', () => {
  it('of 50 MB in one text is cut inside its line, which stays JSON', async () => {
    const program = `
      const text = 'é"'.repeat(12_500_000)
      process.stdout.write(JSON.stringify({ type: 'text', text }) + '\\n')
      process.stdout.write(JSON.stringify({ type: 'result', text, ok: true }) + '\\n')`
    const { ended, lines } = await start('', {
      file: process.execPath,
      args: ['-e', program],
      format: 'jsonl',
      limits: { stringBytesMax: 10_000 },
    })
    const { exitCode, cutBytes, stdout } = await ended
    expect(exitCode).toBe(0)
    expect(lines.map((line) => JSON.parse(line).type)).toEqual(['text', 'result'])
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ ok: true })
    expect(cutBytes).toBeGreaterThan(99_000_000)
    expect(stdout.totalBytes).toBeLessThan(30_000)
  })

  it('of any length keeps its head and its tail', async () => {
    const { ended, lines } = await start('seq 1 200000', { limits: { headBytesMax: 100, tailBytesMax: 100 } })
    const { stdout } = await ended
    expect(lines).toHaveLength(200_000)
    expect(stdout.head.startsWith('1\n2\n')).toBe(true)
    expect(stdout.tail.endsWith('199999\n200000\n')).toBe(true)
    expect(stdout.droppedBytes).toBe(stdout.totalBytes - 200)
  })
})

describe('a worker that is gone', () => {
  it('takes its runs along when it ends by itself', async () => {
    const script = runScript('test/worker/processes/hold-run.ts', ['exit', folder])
    const { stdout, code } = await script.ended
    expect(code).toBe(1)
    const pid = Number(/pid (\d+)/.exec(stdout)?.[1])
    expect(await membersOf(pid, 'held-run')).toEqual([])
  })

  it('killed, leaves a run that the next one ends, and no stranger with it', async () => {
    const script = runScript('test/worker/processes/hold-run.ts', ['hold', folder])
    await script.said('pid')
    script.process.kill('SIGKILL')
    const { stdout } = await script.ended
    const pid = Number(/pid (\d+)/.exec(stdout)?.[1])
    const [started = ''] = (await readProcesses()).flatMap((row) => (row.pid === pid ? row.started : []))
    expect(await killOrphans({ pid, started: 'another time' }, 'another-run')).toBe(0)
    expect(await membersOf(pid, 'held-run')).not.toEqual([])
    expect(await killOrphans({ pid, started }, 'held-run')).toBeGreaterThan(0)
    expect(await membersOf(pid, 'held-run')).toEqual([])
  })
})
