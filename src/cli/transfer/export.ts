import { open, rename, rm } from 'node:fs/promises'
import { toWire } from '../../base/wire.ts'
import type { InputOf } from '../../client/index.ts'
import type { Backend } from '../backend.ts'

const PAGE_ITEMS = 200

/** Takes the lines of an export. */
export type LineSink = (text: string) => Promise<void>

/** Writes every item that matches as a line of JSON, newest first; returns their number. */
export async function exportItems(
  backend: Backend,
  filter: InputOf<'listKnowledge'>,
  write: LineSink,
  onProgress: (items: number) => void,
): Promise<number> {
  let count = 0
  let cursor: string | undefined
  do {
    const page = await backend.call('listKnowledge', { ...filter, limit: PAGE_ITEMS, cursor })
    if (page.items.length > 0) await write(page.items.map((item) => JSON.stringify(toWire(item))).join('\n'))
    count += page.items.length
    onProgress(count)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return count
}

/** Gives `work` a sink into the file at `path`, which appears there whole or, when `work` fails, not at all. */
export async function intoFile<T>(path: string, work: (write: LineSink) => Promise<T>): Promise<T> {
  const unfinished = `${path}.${process.pid}.part`
  const file = await open(unfinished, 'wx', 0o600)
  try {
    const result = await work(async (text) => {
      await file.appendFile(`${text}\n`)
    })
    await file.sync()
    await file.close()
    await rename(unfinished, path)
    return result
  } catch (error) {
    await file.close().catch(() => undefined) // closed already where the rename failed
    await rm(unfinished, { force: true })
    throw error
  }
}
