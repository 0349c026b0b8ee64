import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isTurboError } from '../../base/errors.ts'
import type { Config } from '../../config.ts'
import { type Backend, type BackendOptions, choosePlace, openBackend, type Place } from '../backend.ts'
import { Interrupted } from '../exit.ts'
import { checkCycle } from './cycle.ts'
import { checkDataFolder, checkNode, checkPort } from './host.ts'
import { type Check, fail, ok, skipped } from './report.ts'
import { checkDatabase, checkEmbedder, checkServer } from './store.ts'

/** Runs every check, in order of what depends on what; `onCheck` gets each as it ends. Leaves nothing behind. */
export async function examine(
  config: Config,
  options: BackendOptions,
  onCheck: (check: Check) => Promise<void>,
): Promise<void> {
  await onCheck(checkNode())
  const place = await settle('lock', onCheck, async () => choosePlace(config))
  if (place === null) return
  await onCheck(await checkDataFolder(place))
  await onCheck(lockCheck(place))
  await onCheck(await checkPort(config))
  if (place.kind === 'embedded' && place.isNew) return examineTemporary(config, options, onCheck)
  await examineStore(place, config, options, onCheck)
}

/** Where no store exists yet, the engine is tried in a folder that is removed: looking must not create one. */
async function examineTemporary(
  config: Config,
  options: BackendOptions,
  onCheck: (check: Check) => Promise<void>,
): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'agent-turbo-doctor-'))
  try {
    await onCheck(skipped('store', 'there is none yet; what follows was tried in a temporary one'))
    const database = { ...config.database, dataDir }
    await examineStore({ kind: 'embedded', dataDir, isNew: true }, { ...config, database }, options, onCheck)
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function examineStore(
  place: Place,
  config: Config,
  options: BackendOptions,
  onCheck: (check: Check) => Promise<void>,
): Promise<void> {
  let opened: Backend | undefined
  try {
    await settle(place.kind === 'server' ? 'server' : 'database', onCheck, async () => {
      const backend = await openBackend(place, config, options)
      opened = backend
      const found = backend.turbo === null ? await checkServer(backend) : await checkDatabase(backend.turbo.store)
      // The cycle asks the embedder, which may have to load first; only then is it known how that went.
      for (const check of [...found, ...(await checkCycle(backend))]) await onCheck(check)
      for (const check of await checkEmbedder(backend)) await onCheck(check)
    })
  } finally {
    await opened?.close()
  }
}

/** The outcome of `work`, or null after its failure was told as a failed check: the others go on, or cannot. */
async function settle<T>(
  name: string,
  onCheck: (check: Check) => Promise<void>,
  work: () => Promise<T>,
): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Interrupted || !isTurboError(error)) throw error
    await onCheck(
      fail(name, error.message, error.next ?? 'Run `agent-turbo doctor --verbose`, which logs what happens.'),
    )
    return null
  }
}

function lockCheck(place: Place): Check {
  if (place.kind === 'postgres') return skipped('lock', 'the store is on a PostgreSQL server')
  if (place.kind === 'embedded') return ok('lock', 'no process has the data folder')
  return place.dataDir === undefined
    ? skipped('lock', 'on the server')
    : ok('lock', `the data folder is served at ${place.url}`)
}
