import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { identify, isAlive, killMarked, killOrphans, type ProcessIdentity } from './process/index.ts'

/** What is known on this host of a run under way. */
interface RunRecord {
  attemptId: string
  worker: ProcessIdentity
  /** Null while it is being started. */
  program: ProcessIdentity | null
}

/** Runs under way, in files: a worker that dies at once leaves its programs behind, and another one has to find them. */
export interface RunRecords {
  /** To be called before the program is started, and again when it is known. */
  note(attemptId: string, program: ProcessIdentity | null): Promise<void>
  forget(attemptId: string): Promise<void>
  /** Kills what dead workers of this host have left running; the attempts that they had. */
  reap(): Promise<string[]>
}

const RECORD = /^([\w-]{1,100})\.json$/

export async function openRunRecords(folder: string): Promise<RunRecords> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const worker = await identify(process.pid)
  const pathOf = (attemptId: string) => join(folder, `${attemptId}.json`)
  const forget = (attemptId: string) => rm(pathOf(attemptId), { force: true })
  return {
    async note(attemptId, program) {
      const record: RunRecord = { attemptId, worker, program }
      await writeFile(pathOf(attemptId), JSON.stringify(record), { mode: 0o600 })
    },
    forget,
    async reap() {
      const left: string[] = []
      for (const name of await readdir(folder)) {
        const attemptId = RECORD.exec(name)?.[1]
        if (attemptId === undefined || !(await isLeft(join(folder, name), attemptId))) continue
        left.push(attemptId)
      }
      return left
    },
  }
}

/** True when the worker of a run is gone; then nothing of the run is left either. */
async function isLeft(path: string, attemptId: string): Promise<boolean> {
  const record = await read(path)
  if (record === null || (await isAlive(record.worker))) return false
  if (record.program === null) await killMarked(attemptId)
  else await killOrphans(record.program, attemptId)
  return true
}

async function read(path: string): Promise<RunRecord | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as RunRecord
  } catch {
    // It is being written, or its run has ended meanwhile; what was cut off by a crash has no program yet.
    return null
  }
}
