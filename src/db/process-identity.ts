import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Where process ids mean the same: the host, its boot and, in containers, the pid namespace. */
export function thisPlace(): string {
  const boot = orNull(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
  const namespace = orNull(() => readlinkSync('/proc/self/ns/pid'))
  return [hostname(), boot, namespace].filter((part) => part !== null).join(' ')
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
