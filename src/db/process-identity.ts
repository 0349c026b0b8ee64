import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** The pid namespace that a host boots with, by its fixed number (PROC_PID_INIT_INO, linux/proc_ns.h). */
const HOST_NAMESPACE = 'pid:[4026531836]'

/** Where a process runs, by what Linux tells; `null` where it does not. */
export interface Place {
  hostname: string
  machineId: string | null
  bootId: string | null
  pidNamespace: string | null
}

export function thisPlace(): Place {
  return {
    hostname: hostname(),
    machineId: orNull(() => readFileSync('/etc/machine-id', 'utf8').trim()),
    bootId: orNull(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: orNull(() => readlinkSync('/proc/self/ns/pid')),
  }
}

/** True where process ids mean the same in both: the host, its boot and, in containers, the pid namespace. */
export function isSamePlace(a: Place, b: Place): boolean {
  return a.hostname === b.hostname && a.bootId === b.bootId && a.pidNamespace === b.pidNamespace
}

/**
 * True when `before` is this host before it was booted again, so that none of its processes lives. Never so in a
 * container: its machine id may be that of the image and its name that of a service, which another host runs as well.
 */
export function isEarlierBoot(before: Place, now: Place): boolean {
  const isHost = before.pidNamespace === HOST_NAMESPACE && now.pidNamespace === HOST_NAMESPACE
  const isSameHost = before.hostname === now.hostname && before.machineId === now.machineId
  // machine-id(5): 32 hexadecimal digits; a machine not set up yet has none or the word `uninitialized`.
  const isNamed = now.machineId !== null && /^[0-9a-f]{32}$/.test(now.machineId)
  return (
    isHost && isSameHost && isNamed && before.bootId !== null && now.bootId !== null && before.bootId !== now.bootId
  )
}

/**
 * When the process `pid` started, in a form that is only good for comparing: ticks since boot where there is a `/proc`
 * (Linux), else the text of `ps`. `null` when no such process runs. A process id used again gets another start.
 */
export function processStart(pid: number): string | null {
  if (!isAlive(pid)) return null
  const stat = orNull(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (stat !== null) {
    // Field 2 is the command in parentheses and may hold anything; the start is field 22, state is field 3 (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const isZombie = fields[0] === 'Z' || fields[0] === 'X'
    return isZombie ? null : (fields[19] ?? null)
  }
  const listed = orNull(() => execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim())
  // Without /proc and ps nothing tells a used-again id from the owner: taken for alive, which keeps the data safe.
  return listed === '' ? null : (listed ?? 'unknown')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function orNull(read: () => string): string | null {
  try {
    return read()
  } catch {
    return null
  }
}
