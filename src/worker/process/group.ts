import { familyOf, type ProcessRow, readProcesses, startOf } from './process-table.ts'

/** Names one process for ever, also across a restart of whoever started it. */
export interface ProcessIdentity {
  /** Leader of a process group of its own, so this is the group's id too. */
  pid: number
  /** Only good for comparing; empty where processes cannot be listed. */
  started: string
}

/** Groups that this process has started and not yet seen empty. */
const living = new Set<number>()
let isGuarded = false

/** Ends the group should this process go before it: a worker that breaks leaves no agents behind that nobody hears. */
export function guardGroup(pid: number): void {
  living.add(pid)
  if (isGuarded) return
  isGuarded = true
  process.once('exit', () => {
    for (const group of living) signalGroup(group, 'SIGKILL')
  })
}

export function releaseGroup(pid: number): void {
  living.delete(pid)
}

/** Sends a signal to all of a group; false when it has no member any more. */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  return signalTo(-pid, signal)
}

function signalTo(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(target, signal)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    // EPERM: there is one, which has become another user's.
    return true
  }
}

/** The processes of a run that live now: its group, what descends from it, and whatever carries its mark. */
export async function membersOf(pid: number, runId: string): Promise<ProcessRow[]> {
  const rows = await readProcesses()
  const family = new Set(familyOf(rows, pid).map((row) => row.pid))
  return rows.filter((row) => row.pid !== process.pid && (family.has(row.pid) || row.run === runId))
}

/** How often the members of a run are looked for again while they are killed: one may start another meanwhile. */
const KILL_ROUNDS_MAX = 5

/**
 * Kills what is left of a run, processes that left its group included, until nothing is found.
 *
 * @returns how many processes were killed
 */
export async function killRun(pid: number, runId: string): Promise<number> {
  const killed = new Set<string>()
  try {
    await killMembers(pid, runId, killed)
  } catch {
    // Where processes cannot be listed, the group can still be told to end.
    signalGroup(pid, 'SIGKILL')
  }
  return killed.size
}

async function killMembers(pid: number, runId: string, killed: Set<string>): Promise<void> {
  for (let round = 0; round < KILL_ROUNDS_MAX; round += 1) {
    const members = await membersOf(pid, runId)
    const fresh = members.filter((row) => !killed.has(`${row.pid} ${row.started}`))
    if (fresh.length === 0) break
    for (const row of fresh) {
      signalTo(row.pid, 'SIGKILL')
      killed.add(`${row.pid} ${row.started}`)
    }
  }
}

/**
 * Kills the processes of a run whose worker is gone, when they are still the same: `identity` as it was recorded, or
 * anything that carries the mark of the run.
 *
 * @returns how many processes were killed; 0 also when the process id belongs to somebody else by now
 */
export async function killOrphans(identity: ProcessIdentity, runId: string): Promise<number> {
  const rows = await readProcesses()
  const leader = rows.find(({ pid }) => pid === identity.pid)
  if (leader === undefined || leader.started === identity.started) return killRun(identity.pid, runId)
  return killMarkedIn(rows, runId)
}

/** Kills whatever carries the mark of a run of which nothing else is known; how many processes that were. */
export async function killMarked(runId: string): Promise<number> {
  return killMarkedIn(await readProcesses(), runId)
}

function killMarkedIn(rows: readonly ProcessRow[], runId: string): number {
  const marked = rows.filter(({ run }) => run === runId)
  for (const { pid } of marked) signalTo(pid, 'SIGKILL')
  return marked.length
}

/** True while the process that `identity` names is there. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const rows = await readProcesses()
  return rows.some(({ pid, started }) => pid === identity.pid && started === identity.started)
}

/** The identity of a process that was just started; `started` stays empty where processes cannot be listed. */
export async function identify(pid: number): Promise<ProcessIdentity> {
  const started = await startOf(pid).catch(() => null)
  return { pid, started: started ?? '' }
}
