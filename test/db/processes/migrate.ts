import { openDatabase } from '../../../src/db/index.ts'

/** Opens the store at the given URL, says what it migrated, and ends. */
const log = (event: string, facts: Record<string, unknown>) => {
  if (event === 'migrated') process.stdout.write(`migrated ${String(facts.migration)}\n`)
}
const db = await openDatabase({ url: process.argv[2], log })
await db.stop()
