import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TaskInput, TaskSummary } from '../../orchestrator/index.ts'
import type { Turbo } from '../../turbo.ts'
import { type CommandFactory, command } from '../command.ts'
import type { CommandContext } from '../context.ts'
import { Interrupted, pause } from '../exit.ts'
import { workerSettings } from '../worker-settings.ts'

const LOOK_MS = 100
const LEASE_SECONDS = 15

/** `demo`: the whole loop of tasks and workers, in a store that is thrown away. */
export const demoCommand: CommandFactory = (bind) =>
  command('demo', 'Watch tasks run: in parallel, retried, released; needs no account and leaves nothing behind', [
    'demo',
    'demo --json',
  ]).action(bind(demo))

async function demo(context: CommandContext): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-demo-'))
  try {
    await inStoreOfItsOwn(folder, context)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function inStoreOfItsOwn(folder: string, context: CommandContext): Promise<void> {
  const { terminal, signal } = context
  const [{ createTurbo }, { loadConfig }] = await Promise.all([import('../../turbo.ts'), import('../../config.ts')])
  const env = { PATH: await pathOf(context), AGENT_TURBO_DATA: join(folder, 'data') }
  const config = loadConfig({ env: { ...env, AGENT_TURBO_LEASE_SECONDS: String(LEASE_SECONDS) } })
  terminal.note('making an embedded store in a temporary folder (a few seconds)')
  const turbo = await createTurbo(config)
  try {
    if (signal.aborted) throw new Interrupted()
    const settings = { ...workerSettings(config, { platforms: ['command'] }), cwd: folder, drainGraceMs: 0 }
    await (await turbo.openWorker(settings)).start()
    await showRun(turbo, folder, context)
  } finally {
    await turbo.stop()
  }
}

/** A program of a task finds `sh` where this command finds it. */
async function pathOf({ config }: CommandContext): Promise<string | undefined> {
  return (await config()).worker.environment.PATH
}

/** Three tasks that wait for nobody, one of which fails the first time, and one that waits for them. */
function demoTasks(folder: string): TaskInput[] {
  const task = (taskId: string, taskDescription: string, script: string, rest: Partial<TaskInput> = {}): TaskInput => ({
    ...{ taskId, taskDescription, taskType: 'demo', assignedToPlatform: 'command' },
    inputData: { argv: ['sh', '-c', script], cwd: folder },
    ...rest,
  })
  const flaky = 'sleep 1; if [ -e tried ]; then echo 42 > answer; else touch tried; echo "no luck" >&2; exit 1; fi'
  return [
    task('list', 'list three files', 'sleep 2; echo "a b c" > files'),
    task('flaky', 'find an answer, failing the first time', flaky),
    task('clock', 'read the clock', 'sleep 2; date -u +%H:%M > time'),
    task('report', 'put the results together', 'echo "$(cat files), $(cat answer), $(cat time) UTC"', {
      dependsOnTasks: ['list', 'flaky', 'clock'],
    }),
  ]
}

async function showRun({ orchestrator }: Turbo, folder: string, { terminal, signal }: CommandContext): Promise<void> {
  const { tasks } = orchestrator
  const startedAtMs = performance.now()
  const seconds = () => (performance.now() - startedAtMs) / 1_000
  await tasks.createBatch(demoTasks(folder))
  const shown = new Map<string, string>()
  for (;;) {
    const { tasks: all } = await tasks.list({ taskType: 'demo' })
    for (const task of [...all].reverse()) {
      const line = stateOf(task)
      if (shown.get(task.taskId) === line) continue
      shown.set(task.taskId, line)
      terminal.note(`${seconds().toFixed(1).padStart(5)} s  ${task.taskId.padEnd(7)} ${line}`)
    }
    if (all.every(({ status }) => status === 'completed' || status === 'failed')) break
    await pause(LOOK_MS, signal)
  }
  const [list, flaky, report] = await Promise.all(['list', 'flaky', 'report'].map((taskId) => tasks.get(taskId)))
  const result = {
    seconds: Math.round(seconds() * 10) / 10,
    report: String(report?.outputData?.text ?? '').trim(),
    attempts: { list: list?.attemptCount, flaky: flaky?.attemptCount, report: report?.attemptCount },
  }
  await terminal.result(result, () => `${result.report}\n${NEXT}`)
}

function stateOf({ status, attemptCount, retryCount, runAfter, dependenciesLeft, errorMessage }: TaskSummary): string {
  if (status === 'blocked') return `waits for ${dependenciesLeft} ${dependenciesLeft === 1 ? 'other' : 'others'}`
  if (status === 'pending' && retryCount > 0) {
    return `failed (${errorMessage}) and is tried again${runAfter === null ? '' : ` at ${runAfter.slice(11, 19)} UTC`}`
  }
  if (status === 'running') return attemptCount > 1 ? `runs, attempt ${attemptCount}` : 'runs'
  return status
}

const NEXT = `
That was three tasks at once, one of them retried after its failure, and one that was released when they had ended.
Try next:
  agent-turbo serve --workers 4                          a server that also runs tasks, with the agents on this machine
  agent-turbo workers list                               who runs tasks, and with what
  DATABASE_URL=postgres://… agent-turbo worker           one more worker, on this host or another`
