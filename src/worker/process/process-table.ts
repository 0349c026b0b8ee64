import { execFile } from 'node:child_process'
import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { uptime } from 'node:os'
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
  /** The run that its environment names ({@link RUN_MARK}), wherever it hangs in the tree. Told on Linux only. */
  run?: string
}

/** Ticks of `/proc/<pid>/stat` a second: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
const PS_BYTES_MAX = 16 * 1024 * 1024

/** Marks every process of a run, so that those which left its group are found again. */
export const RUN_MARK = 'TURBO_RUN'

let planned: Promise<ProcessRow[]> | null = null

/**
 * Every process of this host but zombies, from `/proc` where there is one (Linux), else from `ps`; never as they were
 * before the call. Callers that come before somebody looks share the look: thirty runs that end at once cost one.
 *
 * @throws Error when there is neither
 */
export function readProcesses(): Promise<ProcessRow[]> {
  planned ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    planned = null
    return process.platform === 'linux' ? readProc() : readPs()
  })
  return planned
}

async function readPs(): Promise<ProcessRow[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=,time=,lstart='], {
    maxBuffer: PS_BYTES_MAX,
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
  })
  return stdout.split('\n').flatMap((line) => parsePsLine(line) ?? [])
}

/** Runs by process, as its environment was read: each look reads only those of processes that are new. */
let marks = new Map<string, string | undefined>()
/** A process without a mark may be about to become a program that has one: as young as this it is looked at again. */
const SETTLED_SECONDS = 2

/** Without the thread pool: what `/proc` tells comes from memory, and a hop to another thread costs more than the read. */
function readProc(): ProcessRow[] {
  const settledBefore = (uptime() - SETTLED_SECONDS) * TICKS_PER_SECOND
  const seen: typeof marks = new Map()
  const rows = readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    const row = parseProcStat(contentOf(`/proc/${name}/stat`))
    if (row === null) return []
    const key = `${row.pid} ${row.started}`
    const run = marks.has(key) ? marks.get(key) : RUN_OF.exec(contentOf(`/proc/${name}/environ`))?.[1]
    if (run !== undefined || Number(row.started) < settledBefore) seen.set(key, run)
    return [run === undefined ? row : { ...row, run }]
  })
  marks = seen
  return rows
}

const RUN_OF = new RegExp(`(?:^|\0)${RUN_MARK}=([^\0]*)`)

/** One for all reads: a buffer for each of hundreds of small files costs more than the files. */
const buffer = Buffer.allocUnsafe(256 * 1024)

/** Empty for what cannot be read; an environment longer than the buffer is cut. */
function contentOf(path: string): string {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    return buffer.toString('latin1', 0, readSync(file, buffer))
  } catch {
    // It has ended since the folder was read, or its environment is another user's, whose runs are none of ours.
    return ''
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/**
 * When a process started, zombies included; null when there is none. For a child that was just started there is one, as
 * it cannot be gone before this process has heard of its end.
 */
export async function startOf(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') return (await readProcesses()).find((row) => row.pid === pid)?.started ?? null
  return fieldsOf(contentOf(`/proc/${pid}/stat`))[STARTED_FIELD] ?? null
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
  if (!state || state === 'Z' || state === 'X') return null
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
