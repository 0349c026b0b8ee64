import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { TurboError } from '../base/errors.ts'

/**
 * Where a process can die while a result is on its way, in order. Tests kill real processes at each of them; whatever
 * the point, the result is sent, or the attempt was never said to have ended.
 */
export const SPOOL_POINTS = [
  'created',
  'written',
  'file_synced',
  'renamed',
  'folder_synced',
  'sent',
  'removed',
  'removal_synced',
] as const

export type SpoolPoint = (typeof SPOOL_POINTS)[number]

export interface SpoolOptions {
  folder: string
  /** Called at each point. For tests. */
  at?(point: SpoolPoint): Promise<void>
}

/** A terminal result of an attempt, as JSON. */
export interface SpooledResult {
  attemptId: string
  result: unknown
}

/**
 * Hands a result on and resolves when it was acknowledged: taken over, or refused for good because the attempt was
 * fenced. Rejecting leaves the result in the spool. The same result may be sent more than once.
 */
export type SendResult = (spooled: SpooledResult) => Promise<void>

/** Results that have not been acknowledged, on disk. */
export interface Spool {
  /**
   * Stores a result, synced, and then sends it. Resolves when it was acknowledged.
   *
   * @throws TurboError `unavailable` when it cannot be stored; whatever `send` throws, the result being safe by then
   */
  deliver(spooled: SpooledResult, send: SendResult): Promise<void>
  /**
   * Sends what is left over from before, oldest first, and stops at the first that is not acknowledged: the others
   * would fare no better.
   *
   * @returns how many were acknowledged
   */
  replay(send: SendResult): Promise<number>
  /**
   * To be called before work is claimed: what could not be recorded is not begun.
   *
   * @throws TurboError `unavailable` when the spool cannot be written, or is full
   */
  checkWritable(): Promise<void>
}

/** More undelivered results than this say that nobody takes them. */
const ENTRIES_MAX = 10_000
/** A result is cut to size before it comes here; one that is larger is a bug. */
const ENTRY_BYTES_MAX = 64 * 1024 * 1024

const ENTRY = /^[\w-]{1,100}\.json$/
const DAMAGED_SUFFIX = '.damaged'
/** Written by a process that died before it was done. After this long nobody is still at it. */
const UNFINISHED = /^[\w-]{1,100}\.json\.\d+$/
const UNFINISHED_MS_MAX = 3_600_000

/**
 * Opens the spool of this host, which its workers share: a worker that died leaves its results to the next one. Two that
 * send the same result at once do no harm, as the receiver takes each attempt once.
 *
 * @throws TurboError `unavailable` when it cannot be written
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const spool = new FolderSpool(options)
  await spool.checkWritable()
  return spool
}

class FolderSpool implements Spool {
  readonly #folder: string
  readonly #at: (point: SpoolPoint) => Promise<void>

  constructor({ folder, at = async () => undefined }: SpoolOptions) {
    this.#folder = folder
    this.#at = at
  }

  async deliver(spooled: SpooledResult, send: SendResult): Promise<void> {
    await this.#orUnavailable(() => this.#store(spooled))
    await this.#hand(spooled, send)
  }

  async replay(send: SendResult): Promise<number> {
    let acknowledged = 0
    await this.#orUnavailable(() => this.#sweep())
    for (const name of await this.#orUnavailable(() => this.#entries())) {
      const spooled = await this.#read(name)
      if (spooled === null) continue
      await this.#hand(spooled, send)
      acknowledged += 1
    }
    return acknowledged
  }

  async checkWritable(): Promise<void> {
    await this.#orUnavailable(async () => {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      const count = (await readdir(this.#folder)).length
      if (count >= ENTRIES_MAX) throw new Error(`${count} files are waiting in it`)
      // Several workers of one process may look at once.
      const path = join(this.#folder, `.probe-${randomUUID()}`)
      await writeSynced(path, 'probe', async () => undefined)
      await unlink(path)
    })
  }

  /** The file appears under its name only when it is whole and on the disk; then the name is put on the disk. */
  async #store({ attemptId, result }: SpooledResult): Promise<void> {
    const path = this.#path(attemptId)
    const text = JSON.stringify({ attemptId, result })
    if (Buffer.byteLength(text) > ENTRY_BYTES_MAX) throw new Error(`the result is larger than ${ENTRY_BYTES_MAX} bytes`)
    // One writer an attempt; leftovers of a writer that died are written over or stay unread.
    const unfinished = `${path}.${process.pid}`
    await writeSynced(unfinished, text, this.#at)
    await rename(unfinished, path)
    await this.#at('renamed')
    await syncFolder(this.#folder)
    await this.#at('folder_synced')
  }

  async #hand(spooled: SpooledResult, send: SendResult): Promise<void> {
    await send(spooled)
    await this.#at('sent')
    await this.#orUnavailable(async () => {
      await unlink(this.#path(spooled.attemptId)).catch(unlessMissing)
      await this.#at('removed')
      await syncFolder(this.#folder)
      await this.#at('removal_synced')
    })
  }

  /** Oldest first, by when they were stored. */
  async #entries(): Promise<string[]> {
    const names = (await readdir(this.#folder)).filter((name) => ENTRY.test(name))
    const dated = await Promise.all(
      names.map(async (name) => ({
        name,
        at: (await stat(join(this.#folder, name)).catch(unlessMissing))?.mtimeMs ?? 0,
      })),
    )
    return dated.sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1)).map(({ name }) => name)
  }

  async #sweep(): Promise<void> {
    for (const name of (await readdir(this.#folder)).filter((each) => UNFINISHED.test(each))) {
      const path = join(this.#folder, name)
      const found = await stat(path).catch(unlessMissing)
      if (found && Date.now() - found.mtimeMs > UNFINISHED_MS_MAX) await unlink(path).catch(unlessMissing)
    }
  }

  /** Null for one that another worker has delivered meanwhile, or that a failing disk has damaged and is put aside. */
  async #read(name: string): Promise<SpooledResult | null> {
    const path = join(this.#folder, name)
    const text = await readFile(path, 'utf8').catch(unlessMissing)
    if (text === undefined) return null
    try {
      const spooled = JSON.parse(text) as SpooledResult
      if (`${spooled.attemptId}.json` === name) return spooled
    } catch {
      // Kept for whoever wants to look at it, and no longer in the way of the others.
    }
    await rename(path, path + DAMAGED_SUFFIX)
    return null
  }

  #path(attemptId: string): string {
    const name = `${attemptId}.json`
    if (!ENTRY.test(name)) throw new Error('an attempt id is letters, digits and dashes')
    return join(this.#folder, name)
  }

  async #orUnavailable<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      throw new TurboError('unavailable', 'the spool of results cannot be used', {
        next: `Make ${this.#folder} writable by the worker and see that the disk has room.`,
        cause,
      })
    }
  }
}

async function writeSynced(path: string, text: string, at: (point: SpoolPoint) => Promise<void>): Promise<void> {
  const file: FileHandle = await open(path, 'w', 0o600)
  try {
    await at('created')
    await file.writeFile(text)
    await at('written')
    await file.sync()
    await at('file_synced')
  } finally {
    await file.close()
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}
