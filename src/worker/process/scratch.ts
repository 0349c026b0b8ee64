import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Makes a folder of a run's own, which only the worker's user may enter. */
export function makeScratch(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'agent-turbo-run-'))
}

export async function removeScratch(scratch: string): Promise<void> {
  try {
    await rm(scratch, { recursive: true, force: true, maxRetries: 3 })
  } catch {
    // It lies in the system's temporary folder, which is emptied by others.
  }
}
