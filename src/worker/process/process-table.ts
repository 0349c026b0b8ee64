import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** One process of this host. */
export interface ProcessRow {
  pid: number
  parentPid: number
  /** Its process group. */
  group: number
  /** Time on a processor so far. */
  cpuMs: number
  /** When it started, in a form only good for comparing: a process id used again gets another. */
  started: string
}

/** Ticks of `/proc/<pid>/stat` a second: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
const PS_BYTES_MAX = 16 * 1024 * 1024

/**
 * Every process of this host but zombies, from `/proc` where there is one (Linux), else from `ps`.
 *
 * @throws Error when there is neither
 */
export async function readProcesses(): Promise<ProcessRow[]> {
  if (process.platform === 'linux') return readProc()
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=,time=,lstart='], {
    maxBuffer: PS_BYTES_MAX,
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
  })
  return stdout.split('\n').flatMap((line) => parsePsLine(line) ?? [])
}

/** Synchronous: these files are the kernel's memory, and reading one by the thread pool costs ten times as much. */
function readProc(): ProcessRow[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((pid) => {
    const stat = readOrNull(`/proc/${pid}/stat`)
    return stat === null ? [] : (parseProcStat(stat) ?? [])
  })
}

/** Null when the process has ended meanwhile, or is another user's. */
function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // Nothing to be known of it, then.
    return null
  }
}

/**
 * When a process started, zombies included; null when there is none. For a child that was just started there is one, as
 * it cannot be gone before this process has heard of its end.
 */
export async function startOf(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') return (await readProcesses()).find((row) => row.pid === pid)?.started ?? null
  const stat = readOrNull(`/proc/${pid}/stat`)
  return stat === null ? null : (fieldsOf(stat)[STARTED_FIELD] ?? null)
}

/** The fields behind the command, which stands in parentheses and may hold anything. */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

const STARTED_FIELD = 19

/** A line of `/proc/<pid>/stat`, proc(5); null for a zombie. */
export function parseProcStat(stat: string): ProcessRow | null {
  const fields = fieldsOf(stat)
  const [state, parentPid, group] = fields
  if (state === undefined || state === 'Z' || state === 'X') return null
  return {
    pid: Number.parseInt(stat, 10),
    parentPid: Number(parentPid),
    group: Number(group),
    cpuMs: ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND,
    started: fields[STARTED_FIELD] ?? '',
  }
}

/** A line of `ps -o pid=,ppid=,pgid=,stat=,time=,lstart=`, as macOS and the BSDs print it; null for a zombie. */
export function parsePsLine(line: string): ProcessRow | null {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(?:(\d+)-)?(?:(\d+):)?(\d+):([\d.]+)\s+(.+?)\s*$/.exec(line)
  if (match === null) return null
  const [, pid, parentPid, group, state = '', days = 0, hours = 0, minutes, seconds, started = ''] = match
  if (state.startsWith('Z')) return null
  const cpuSeconds = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)
  return {
    pid: Number(pid),
    parentPid: Number(parentPid),
    group: Number(group),
    cpuMs: Math.round(cpuSeconds * 1000),
    started,
  }
}

/** The members of a group and every descendant of `root`, in groups of their own too. */
export function familyOf(rows: readonly ProcessRow[], root: number): ProcessRow[] {
  const family = new Set([root])
  // Parents may stand behind their children in the list; a round that finds nothing new is the last.
  for (let size = 0; size < family.size; ) {
    size = family.size
    for (const row of rows) {
      if (row.group === root || family.has(row.parentPid)) family.add(row.pid)
    }
  }
  return rows.filter(({ pid }) => family.has(pid))
}

/**
 * Process ids of those whose environment has `NAME=value`, wherever they hang in the tree. Linux only; elsewhere none,
 * and a program that left its group and outlived its parent is not found.
 */
export function markedProcesses(rows: readonly ProcessRow[], mark: string): number[] {
  if (process.platform !== 'linux') return []
  return rows.flatMap(({ pid }) => {
    const environ = readOrNull(`/proc/${pid}/environ`)
    return environ?.includes(mark) && environ.split('\0').includes(mark) ? pid : []
  })
}
