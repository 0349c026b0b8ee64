import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AttemptReport } from './verdict.ts'

/** What was done for nothing is kept for whoever wants to look at it, and not for ever. */
const FILES_MAX = 100

/** Results that came too late to be taken. */
export interface Salvage {
  keep(attemptId: string, report: AttemptReport): Promise<void>
}

export function openSalvage(folder: string): Salvage {
  return {
    async keep(attemptId, report) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeFile(join(folder, `${attemptId}.json`), JSON.stringify(report), { mode: 0o600 })
      await removeOldest(folder)
    },
  }
}

async function removeOldest(folder: string): Promise<void> {
  const names = await readdir(folder)
  if (names.length <= FILES_MAX) return
  const dated = await Promise.all(
    // Another worker of this host may have removed it meanwhile.
    names.map(async (name) => ({ name, atMs: (await stat(join(folder, name)).catch(() => null))?.mtimeMs ?? 0 })),
  )
  const oldest = dated.sort((a, b) => a.atMs - b.atMs).slice(0, names.length - FILES_MAX)
  for (const { name } of oldest) await rm(join(folder, name), { force: true })
}
