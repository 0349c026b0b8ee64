import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isTurboError } from '../../../src/base/errors.ts'
import { DataLock } from '../../../src/db/data-lock.ts'

/** Waits for the file `go` in the folder, so that many takers start in one moment; says `taken` or `locked`. */
const folder = process.argv[2] ?? ''
process.stdout.write('ready\n')
while (!existsSync(`${folder}/go`)) await sleep(1)
try {
  DataLock.take(folder, () => undefined)
  process.stdout.write('taken\n')
  // Holds it until the parent has heard every taker; a released lock could be taken by the next in order.
  setInterval(() => undefined, 60_000)
} catch (error) {
  if (!isTurboError(error, 'store_locked')) throw error
  process.stdout.write('locked\n')
}
