import { closeSync, openSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { execa } from 'execa'
import { invalid, TurboError } from '../../base/errors.ts'
import { followFile } from './follow-file.ts'
import { guardGroup, identify, killRun, membersOf, type ProcessIdentity, releaseGroup, signalGroup } from './group.ts'
import { HeadAndTail, type KeptText } from './kept-text.ts'
import { LineSplitter, StringCutter } from './lines.ts'
import { RUN_MARK } from './process-table.ts'
import { type ActivitySample, judgeActivity, type StallLimits, startWatching } from './stall.ts'
import { createStopLadder } from './stop-ladder.ts'

/** Why a run was ended from outside. A worker that drains cancels its runs, and hands the tasks back. */
export type StopReason = 'timeout' | 'stalled' | 'cancelled' | 'budget' | 'fenced'

export interface ProcessRequest {
  file: string
  args: readonly string[]
  /** Absolute; must exist. */
  cwd: string
  /** All of it: nothing is inherited. */
  env: Readonly<Record<string, string>>
  /** Given on standard input, which is closed after it; null closes it at once. */
  stdin: string | null
  /** A folder of the run's own, which its output goes through. */
  scratch: string
  /** Unique; marks all processes of the run. */
  runId: string
  /** `jsonl`: long strings are cut inside the line, so that it stays JSON. */
  format: 'jsonl' | 'text'
  limits: ProcessLimits
  /** Each line of standard output as it comes, without its end. The first ones may come before the start has resolved. */
  onLine(line: string, control: ProcessControl): void
  /** It is being stopped for the first time; what it says from here on is the echo. */
  onStop?(): void
  /** Nothing was seen of it for `stall.warnAfterMs`. */
  onQuiet?(): void
}

/** Bounds of a run. Bytes are per stream. */
export interface ProcessLimits {
  timeoutMs: number
  stall: StallLimits
  /** From the request to stop until everything is killed. */
  stopWithinMs: number
  /** After the result was seen, until the process is stopped if it has not ended by itself. */
  exitGraceMs: number
  headBytesMax: number
  tailBytesMax: number
  /** Output of a stream after which the run is stopped: it lies on the disk until the run has ended. */
  outputBytesMax: number
  lineBytesMax: number
  stringBytesMax: number
}

export const DEFAULT_LIMITS: ProcessLimits = {
  timeoutMs: 300_000,
  stall: { warnAfterMs: 300_000, stalledAfterMs: 900_000 },
  stopWithinMs: 20_000,
  exitGraceMs: 15_000,
  headBytesMax: 256 * 1024,
  tailBytesMax: 1024 * 1024,
  outputBytesMax: 512 * 1024 * 1024,
  lineBytesMax: 8 * 1024 * 1024,
  stringBytesMax: 1024 * 1024,
}

export interface ProcessEnd {
  /** Null when a signal ended it. */
  exitCode: number | null
  signal: string | null
  /** The first reason to stop it, when there was one. */
  stopReason: StopReason | null
  /** True when it had to be stopped after its result was there. */
  isExitForced: boolean
  stdout: KeptText
  stderr: KeptText
  /** Bytes of standard output that were cut from lines longer than the bound. */
  cutBytes: number
  /** Processes that were left over when it ended, and were killed. */
  leftOver: number
  durationMs: number
}

export interface ProcessControl {
  /** Ends the run: SIGINT, then SIGTERM, then SIGKILL, to all of its group. The first reason counts. */
  stop(reason: StopReason, withinMs?: number): void
  /** The result has been seen: what it says counts, and the process has `exitGraceMs` to end by itself. */
  expectExit(): void
}

export interface RunningProcess extends ProcessControl {
  readonly identity: ProcessIdentity
  /** Resolves when the process and everything it started has ended. Rejects only when its output cannot be read. */
  readonly ended: Promise<ProcessEnd>
}

const SAMPLES_PER_WARNING = 4
/** A timer set for longer fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/**
 * Starts a program in a process group of its own.
 *
 * @throws TurboError `invalid_input` when the working directory is none, `unavailable` when the program cannot be started
 */
export async function startProcess(request: ProcessRequest): Promise<RunningProcess> {
  await checkDirectory(request.cwd)
  const startedAtMs = performance.now()
  const paths = { stdout: join(request.scratch, 'stdout'), stderr: join(request.scratch, 'stderr') }
  const child = spawnGroup(request, paths)
  const { pid } = child
  if (pid === undefined) throw notStarted(request.file, (await child) as { code?: string })
  guardGroup(pid)
  // At once: later it may be gone.
  const identity = identify(pid)
  const exit = exitOf(child)
  const control = controlOf(pid, request)
  const output = readOutput(request, control)
  const errors = new HeadAndTail(request.limits.headBytesMax, request.limits.tailBytesMax)
  const files = await Promise.all([
    followFile(paths.stdout, output.push),
    followFile(paths.stderr, (chunk) => errors.push(chunk)),
  ]).catch((error: unknown) => {
    // Nobody would hear of it.
    control.end()
    signalGroup(pid, 'SIGKILL')
    throw error
  })
  const stopWatch = watch(request, pid, control, () => output.bytes() + errors.totalBytes)

  const end = async ({ exitCode, signal }: { exitCode: number | null; signal: string | null }): Promise<ProcessEnd> => {
    stopWatch()
    const ending = control.end()
    const leftOver = await killRun(pid, request.runId)
    releaseGroup(pid)
    await Promise.all(files.map((file) => file.finish()))
    return {
      ...{ exitCode, signal, ...ending },
      ...output.end(),
      stderr: errors.text(),
      leftOver,
      durationMs: Math.round(performance.now() - startedAtMs),
    }
  }
  const ended = exit.then(end)
  return { stop: control.stop, expectExit: control.expectExit, identity: await identity, ended }
}

function spawnGroup({ file, args, cwd, env, runId, stdin }: ProcessRequest, paths: { stdout: string; stderr: string }) {
  const stdout = openSync(paths.stdout, 'a', 0o600)
  const stderr = openSync(paths.stderr, 'a', 0o600)
  try {
    return execa(file, args, {
      cwd,
      env: { ...env, [RUN_MARK]: runId },
      extendEnv: false,
      detached: true,
      cleanup: false,
      reject: false,
      buffer: false,
      ...(stdin === null ? { stdin: 'ignore' } : { input: stdin }),
      // Any descriptor will do; the types of execa know those of one digit.
      stdout: stdout as 3,
      stderr: stderr as 3,
    })
  } finally {
    // The child has its own.
    closeSync(stdout)
    closeSync(stderr)
  }
}

/** The ways to end a run before it ends by itself; all of them are closed once it has. */
function controlOf(pid: number, { limits, onStop }: ProcessRequest) {
  const ladder = createStopLadder((signal) => signalGroup(pid, signal))
  let isOver = false
  let stopReason: StopReason | null = null
  let isExitForced = false
  let graceTimer: NodeJS.Timeout | undefined
  const stop: ProcessControl['stop'] = (reason, withinMs = limits.stopWithinMs) => {
    if (isOver) return
    if (stopReason === null) onStop?.()
    stopReason ??= reason
    ladder.stop(withinMs)
  }
  const timeout = setTimeout(() => stop('timeout'), Math.min(limits.timeoutMs, TIMER_MS_MAX))
  return {
    stop,
    expectExit() {
      if (isOver) return
      graceTimer ??= setTimeout(() => {
        isExitForced = true
        ladder.stop(limits.stopWithinMs)
      }, limits.exitGraceMs)
    },
    end() {
      isOver = true
      clearTimeout(timeout)
      clearTimeout(graceTimer)
      ladder.end()
      return { stopReason, isExitForced }
    },
  }
}

async function checkDirectory(cwd: string): Promise<void> {
  if (!isAbsolute(cwd)) throw invalid('/cwd', 'expected an absolute path')
  const found = await stat(cwd).catch(() => null)
  if (found?.isDirectory() !== true) throw invalid('/cwd', 'expected the path of a directory that exists')
}

function notStarted(file: string, cause: { code?: string }): TurboError {
  const why =
    cause.code === 'ENOENT' ? 'it is not installed, or not on the PATH of the worker' : (cause.code ?? 'unknown')
  return new TurboError('unavailable', `${file} could not be started: ${why}`, { cause })
}

function exitOf(child: NodeJS.EventEmitter): Promise<{ exitCode: number | null; signal: string | null }> {
  return new Promise((resolve) => {
    child.once('exit', (exitCode: number | null, signal: string | null) => resolve({ exitCode, signal }))
  })
}

function readOutput({ format, limits, onLine }: ProcessRequest, control: ProcessControl) {
  const kept = new HeadAndTail(limits.headBytesMax, limits.tailBytesMax)
  let bytes = 0
  let cutBytes = 0
  const cutter = format === 'jsonl' ? new StringCutter(limits.stringBytesMax) : null
  const splitter = new LineSplitter(limits.lineBytesMax, (line, dropped) => {
    cutBytes += dropped
    onLine(line, control)
  })
  return {
    bytes: () => bytes,
    push(raw: Buffer) {
      bytes += raw.length
      if (bytes > limits.outputBytesMax) control.stop('budget')
      const chunk = cutter === null ? raw : cutter.push(raw)
      cutBytes += raw.length - chunk.length
      kept.push(chunk)
      splitter.push(chunk)
    },
    end() {
      splitter.end()
      return { stdout: kept.text(), cutBytes }
    },
  }
}

/** Looks at the run now and then; returns what ends the looking. */
function watch(request: ProcessRequest, pid: number, control: ProcessControl, outputBytes: () => number): () => void {
  const { limits, runId, onQuiet } = request
  const look = async (): Promise<ActivitySample> => {
    const members = await membersOf(pid, runId)
    return {
      atMs: performance.now(),
      outputBytes: outputBytes(),
      cpuMs: members.reduce((sum, row) => sum + row.cpuMs, 0),
      pids: members.map((row) => row.pid),
    }
  }
  let state = startWatching({ atMs: performance.now(), outputBytes: 0, cpuMs: 0, pids: [] })
  let isLooking = false
  const timer = setInterval(async () => {
    if (isLooking) return
    isLooking = true
    try {
      const judged = judgeActivity(state, await look(), limits.stall)
      state = judged.state
      if (judged.verdict === 'warn') onQuiet?.()
      if (judged.verdict === 'stalled') control.stop('stalled')
    } catch {
      // What cannot be looked at is not taken for stalled; the timeout still ends it.
    } finally {
      isLooking = false
    }
  }, limits.stall.warnAfterMs / SAMPLES_PER_WARNING)
  return () => clearInterval(timer)
}
