import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { invalid } from '../base/errors.ts'
import { classifyEnd, type End, type GateVerdict, type RunEvidence } from './classify.ts'
import {
  childEnvironment,
  DEFAULT_LIMITS,
  HeadAndTail,
  isWithheld,
  joinKept,
  makeScratch,
  type ProcessEnd,
  type ProcessLimits,
  type RunningProcess,
  removeScratch,
  startProcess,
} from './process/index.ts'
import type { OptionalPart, RunEvent, Runner, RunRequest } from './runners/index.ts'
import { type Usage, UsageMeter } from './usage.ts'

export interface RunOptions {
  runner: Runner
  request: RunRequest
  /** Unique, best the id of the attempt: marks the processes of the run. */
  runId: string
  /** The worker's own environment, of which the run sees what it may see. */
  environment: Readonly<Record<string, string | undefined>>
  /** Where the program is, when it is not on the PATH. */
  program?: string
  limits?: Partial<ProcessLimits>
  /** What the run tells, as it tells it. */
  onEvent?(event: RunEvent): void
  /** Nothing was seen of it for long; it will be stopped when that goes on. */
  onQuiet?(): void
}

/** An attempt under way. */
export interface Run extends Pick<RunningProcess, 'identity' | 'stop'> {
  /** Of the CLI; null until it has told. */
  readonly sessionId: string | null
  /** So far. */
  readonly usage: Usage
  /** Resolves when everything has ended. Rejects only when the output cannot be read. */
  readonly ended: Promise<RunOutcome>
}

/** Everything known of an attempt that has ended. */
export interface RunOutcome {
  /** The end before the checks of the result, which only {@link settle} knows. */
  end: End
  evidence: RunEvidence
  /** The result, else the last thing the agent said; long ones cut, and said so. */
  text: string
  /** The result by the schema of the request, where the CLI gives it apart. */
  structured: unknown
  /** To be resumed; null when none was told. */
  sessionId: string | null
  /** As the CLI named it. */
  model: string | null
  usage: Usage
  process: ProcessEnd
}

/** The end of an attempt after its result was checked. */
export function settle({ evidence }: RunOutcome, gate: GateVerdict, now: Date = new Date()): End {
  return classifyEnd(evidence, gate, now)
}

const TEXT_HEAD_BYTES = 512 * 1024
const TEXT_TAIL_BYTES = 512 * 1024
const STDERR_CHARS_MAX = 4_000

/**
 * Starts a run.
 *
 * @throws TurboError `invalid_input` when the runner does not take a part of the request or the working directory is
 * none, `unavailable` when the program cannot be started
 */
export async function startRun(options: RunOptions): Promise<Run> {
  const { runner, request } = options
  checkParts(runner, request)
  const scratch = await makeScratch()
  try {
    return await startIn(scratch, options)
  } catch (error) {
    await removeScratch(scratch)
    throw error
  }
}

async function startIn(scratch: string, options: RunOptions): Promise<Run> {
  const { runner, request, runId, environment, onEvent, onQuiet } = options
  const invocation = runner.invocation(request, scratch)
  const temporary = join(scratch, 'tmp')
  await mkdir(temporary)
  for (const { name, text } of invocation.files ?? []) await writeFile(join(scratch, name), text, { mode: 0o600 })
  const record = new RunRecord(runner, request)
  const running = await startProcess({
    file: invocation.file ?? options.program ?? runner.command,
    args: invocation.args,
    cwd: request.cwd,
    env: childEnvironment({
      source: environment,
      names: runner.environment,
      // What a CLI leaves in the temporary folder goes when the run has ended.
      values: { ...request.env, ...invocation.env, TMPDIR: temporary },
    }),
    stdin: invocation.stdin,
    scratch,
    runId,
    format: runner.format,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    onLine(line, control) {
      for (const event of runner.parseLine(line)) {
        record.add(event)
        onEvent?.(event)
      }
      if (record.isOverLimit) control.stop('budget')
      if (record.hasResult) control.expectExit()
    },
    onStop() {
      record.isStopped = true
    },
    onQuiet,
  })
  return {
    identity: running.identity,
    stop: running.stop,
    get sessionId() {
      return record.sessionId
    },
    get usage() {
      return record.meter.usage
    },
    ended: running.ended.then((ended) => record.outcome(ended)).finally(() => removeScratch(scratch)),
  }
}

function checkParts(runner: Runner, request: RunRequest): void {
  const parts: OptionalPart[] = [
    ...(['model', 'effort', 'tools', 'turnsMax', 'budgetUsd', 'schema', 'resumeSessionId', 'argv', 'script'] as const),
  ]
  const refused = parts.find((part) => request[part] !== undefined && !runner.takes.includes(part))
  if (refused !== undefined) throw invalid(`/${refused}`, `the platform ${runner.platform} does not take it`)
  const withheld = Object.keys(request.env ?? {}).find(isWithheld)
  if (withheld !== undefined) throw invalid('/env', `${withheld} is not given to any program`)
}

/** What a run has told so far. */
class RunRecord {
  readonly #runner: Runner
  readonly #request: RunRequest
  readonly meter: UsageMeter
  sessionId: string | null = null
  /** From here on a failure is our doing, and tells nothing. */
  isStopped = false
  #model: string | null = null
  #text = new HeadAndTail(TEXT_HEAD_BYTES, TEXT_TAIL_BYTES)
  #turns = 0
  #denied: string[] = []
  #usageLimit: RunEvidence['usageLimit'] = null
  #result: Extract<RunEvent, { kind: 'result' }> | null = null

  constructor(runner: Runner, request: RunRequest) {
    this.#runner = runner
    this.#request = request
    this.meter = new UsageMeter(request.model ?? null)
  }

  get hasResult(): boolean {
    return this.#result !== null
  }

  /** True when the run has used up a limit that its CLI does not keep by itself. */
  get isOverLimit(): boolean {
    const { turnsMax, budgetUsd } = this.#request
    const { keeps } = this.#runner
    if (turnsMax !== undefined && !keeps.includes('turnsMax') && this.#turns > turnsMax) return true
    return budgetUsd !== undefined && !keeps.includes('budgetUsd') && (this.meter.usage.costUsd ?? 0) > budgetUsd
  }

  add(event: RunEvent): void {
    switch (event.kind) {
      case 'session':
        this.sessionId = event.sessionId
        this.#model = event.model ?? this.#model
        break
      case 'text':
        if (event.delta !== true) this.#text = new HeadAndTail(TEXT_HEAD_BYTES, TEXT_TAIL_BYTES)
        this.#text.push(Buffer.from(event.text))
        break
      case 'turn':
        this.#turns += 1
        break
      case 'usage':
        this.meter.add(event.report)
        break
      case 'usage_limit':
        this.#usageLimit = { isReached: event.isReached, resetsAt: event.resetsAt }
        break
      case 'denied':
        this.#denied = event.tools
        break
      case 'result':
        // The first one counts: what comes after it answers another question.
        if (!this.isStopped || event.failure === null) this.#result ??= event
        break
      case 'tool':
      case 'tool_end':
      case 'notice':
        break
    }
  }

  outcome(process: ProcessEnd): RunOutcome {
    const evidence: RunEvidence = {
      runner: this.#runner,
      stopReason: process.stopReason,
      exitCode: process.exitCode,
      signal: process.signal,
      result: this.#result,
      usageLimit: this.#usageLimit,
      denied: this.#denied,
      stderr: joinKept(process.stderr).slice(-STDERR_CHARS_MAX),
    }
    return {
      end: classifyEnd(evidence, 'none', new Date()),
      evidence,
      text: this.#result?.text ?? joinKept(this.#text.text()),
      structured: this.#result?.structured,
      sessionId: this.sessionId,
      model: this.#model,
      usage: this.meter.usage,
      process,
    }
  }
}
