import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
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

const DRAFT = '.draft'
/** Writing one takes no time: an older draft is a dead worker's. */
const DRAFT_MS_MAX = 60_000
const RECORD = /^([\w-]{1,100})\.json$/

export async function openRunRecords(folder: string): Promise<RunRecords> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const worker = await identify(process.pid)
  const pathOf = (attemptId: string) => join(folder, `${attemptId}.json`)
  const draftOf = (attemptId: string) => join(folder, `${attemptId}${DRAFT}`)
  const forget = (attemptId: string) => rm(pathOf(attemptId), { force: true })
  return {
    async note(attemptId, program) {
      const record: RunRecord = { attemptId, worker, program }
      // Never seen half written: it is all that leads to the program when this process is killed here.
      await writeFile(draftOf(attemptId), JSON.stringify(record), { mode: 0o600 })
      await rename(draftOf(attemptId), pathOf(attemptId))
    },
    forget,
    async reap() {
      const left: string[] = []
      for (const name of await readdir(folder)) {
        if (name.endsWith(DRAFT)) await removeOld(join(folder, name))
        const attemptId = RECORD.exec(name)?.[1]
        if (attemptId === undefined || !(await isLeft(join(folder, name), attemptId))) continue
        left.push(attemptId)
      }
      return left
    },
  }
}

async function removeOld(path: string): Promise<void> {
  // What is not there any more has become a record.
  const written = await stat(path).catch(() => null)
  if (written !== null && Date.now() - written.mtimeMs > DRAFT_MS_MAX) await rm(path, { force: true })
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
    // Its run has ended meanwhile.
    return null
  }
}
