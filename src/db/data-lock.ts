import { randomBytes } from 'node:crypto'
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { TurboError } from '../base/errors.ts'
import { isEarlierBoot, isSamePlace, type Place, processStart, thisPlace } from './process-identity.ts'

/** How often an owner shows to other hosts that it lives, and the silence after which they take it for dead. */
const heartbeatMs = 5_000
const silenceMs = 60_000
/** Takers that may overtake us before we give up; each of them would have had to die at once. */
const attemptsMax = 20

/** The process that holds a data folder. */
export interface LockOwner {
  pid: number
  hostname: string
  /** Where its server answers; null while it has none, as a command that opened the store itself. */
  url: string | null
  /** ISO time of taking the lock, for messages. */
  since: string
}

interface LockRecord extends LockOwner {
  /** Where `pid` means something, and when that process started: together they name one process for ever. */
  place: Place
  processStart: string | null
  /** Given up in order; the file stays so that the numbers go on. */
  released: boolean
}

/**
 * A data folder in use by this process.
 *
 * The lock is the file `lock-<n>.json` with the highest n. Who finds its owner dead, or gone in order, creates n+1 by a
 * hard link, which exactly one of several takers can. Numbers are never used again: the highest file is never removed, so
 * a slow taker that creates a lower number sees the higher one afterwards and steps back.
 */
export class DataLock {
  readonly #folder: string
  readonly #number: number
  readonly #onLost: () => void
  #record: LockRecord
  #heartbeat: NodeJS.Timeout
  readonly #onExit = () => this.release()

  private constructor(folder: string, number: number, record: LockRecord, onLost: () => void) {
    this.#folder = folder
    this.#number = number
    this.#record = record
    this.#onLost = onLost
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs).unref()
    process.on('exit', this.#onExit)
  }

  /**
   * Takes the lock of `folder`, which is created when missing. `onLost` is called when another host has taken it because
   * this process did not run for {@link silenceMs}: it must not touch the folder any more.
   *
   * @throws TurboError `store_locked` naming the process that holds it
   */
  static take(folder: string, onLost: () => void): DataLock {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const newest = newestLock(folder)
      if (newest !== null && isHeld(folder, newest)) throw locked(folder, newest.record)
      const number = (newest?.number ?? 0) + 1
      const record = ownRecord()
      if (create(folder, number, record) && newestNumber(folder) === number) {
        removeBelow(folder, number)
        return new DataLock(folder, number, record, onLost)
      }
    }
    throw new TurboError('store_locked', `the data folder ${folder} is being taken by other processes`, {
      next: 'Try again.',
    })
  }

  /** Publishes where the server of this process answers, for commands that find the folder locked. */
  setUrl(url: string | null): void {
    this.#record = { ...this.#record, url }
    this.#write()
  }

  /** Gives the folder free. Idempotent. */
  release(): void {
    if (this.#record.released) return
    clearInterval(this.#heartbeat)
    process.off('exit', this.#onExit)
    this.#record = { ...this.#record, released: true }
    this.#write()
  }

  #write(): void {
    const temporary = writeTemporary(this.#folder, this.#record)
    renameSync(temporary, lockPath(this.#folder, this.#number))
  }

  #beat(): void {
    if (newestNumber(this.#folder) === this.#number) {
      const now = new Date()
      utimesSync(lockPath(this.#folder, this.#number), now, now)
      return
    }
    clearInterval(this.#heartbeat)
    process.off('exit', this.#onExit)
    this.#record = { ...this.#record, released: true }
    this.#onLost()
  }
}

/** The live process that holds `folder`, or null. Never waits and never changes anything. */
export function readLock(folder: string): LockOwner | null {
  const newest = newestLock(folder)
  if (newest === null || !isHeld(folder, newest)) return null
  const { pid, hostname, url, since } = newest.record
  return { pid, hostname, url, since }
}

interface Lock {
  number: number
  record: LockRecord
}

function lockPath(folder: string, number: number): string {
  return join(folder, `lock-${number}.json`)
}

function lockNumbers(folder: string): number[] {
  let names: string[] = []
  try {
    names = readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return names.flatMap((name) => /^lock-(\d+)\.json$/.exec(name)?.slice(1) ?? []).map(Number)
}

function newestNumber(folder: string): number {
  return Math.max(0, ...lockNumbers(folder))
}

function newestLock(folder: string): Lock | null {
  const number = newestNumber(folder)
  if (number === 0) return null
  try {
    return { number, record: JSON.parse(readFileSync(lockPath(folder, number), 'utf8')) as LockRecord }
  } catch (error) {
    // Removed by the taker of a higher number: look again.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return newestLock(folder)
    throw new TurboError('store_locked', `the lock of the data folder ${folder} cannot be read`, {
      next: `Make sure that no agent-turbo process uses it, then remove ${lockPath(folder, number)}.`,
      cause: error,
    })
  }
}

function isHeld(folder: string, { number, record }: Lock): boolean {
  if (record.released) return false
  const here = thisPlace()
  if (isSamePlace(record.place, here)) return processStart(record.pid) === record.processStart
  if (isEarlierBoot(record.place, here)) return false
  // Another host or container shares the folder: its process cannot be looked at, only whether it shows signs of life.
  return fileClockNow(folder) - modifiedMs(lockPath(folder, number)) < silenceMs
}

/** Now by the clock that stamps files in `folder`, which on a network mount is not ours. */
function fileClockNow(folder: string): number {
  const temporary = join(folder, `clock-${randomBytes(8).toString('hex')}.tmp`)
  writeFileSync(temporary, '')
  try {
    return statSync(temporary).mtimeMs
  } finally {
    rmSync(temporary, { force: true })
  }
}

function modifiedMs(path: string): number {
  try {
    return statSync(path).mtimeMs
  } catch {
    return Number.POSITIVE_INFINITY // gone meanwhile: somebody took it, so it is held
  }
}

function ownRecord(): LockRecord {
  const place = thisPlace()
  return {
    pid: process.pid,
    hostname: place.hostname,
    url: null,
    since: new Date().toISOString(),
    place,
    processStart: processStart(process.pid),
    released: false,
  }
}

/** Creates the lock file with its whole content at once; false when the number exists. */
function create(folder: string, number: number, record: LockRecord): boolean {
  const temporary = writeTemporary(folder, record)
  try {
    linkSync(temporary, lockPath(folder, number))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(temporary, { force: true })
  }
}

function writeTemporary(folder: string, record: LockRecord): string {
  const temporary = join(folder, `lock-${process.pid}-${randomBytes(8).toString('hex')}.tmp`)
  writeFileSync(temporary, `${JSON.stringify(record)}\n`, { mode: 0o600 })
  return temporary
}

function removeBelow(folder: string, number: number): void {
  for (const older of lockNumbers(folder)) {
    if (older < number) rmSync(lockPath(folder, older), { force: true })
  }
}

function locked(folder: string, owner: LockRecord): TurboError {
  const server = owner.url === null ? '' : `, which serves ${owner.url}`
  const elsewhere = isSamePlace(owner.place, thisPlace()) ? '' : ` on ${owner.hostname}`
  const next =
    owner.url === null
      ? `Wait for process ${owner.pid} to end, or set AGENT_TURBO_DATA to another folder.`
      : `Use the server at ${owner.url}, or stop process ${owner.pid}, or set AGENT_TURBO_DATA to another folder.`
  return new TurboError(
    'store_locked',
    `the data folder ${folder} is in use by process ${owner.pid}${elsewhere}${server}`,
    { next },
  )
}
