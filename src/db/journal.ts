import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert } from '../base/assert.ts'

/** One migration of the package: the text of `drizzle/<name>.sql`. */
export interface Migration {
  name: string
  /** sha256 of the file, hex. */
  hash: string
  /** The statements, in order. */
  statements: string[]
}

interface JournalEntry {
  idx: number
  when: number
  tag: string
}

/** The migrations that come with the package; the folder is at the same place seen from `src/db` and `dist/db`. */
export const packagedMigrations = fileURLToPath(new URL('../../drizzle', import.meta.url))

/**
 * Reads the journal of drizzle-kit and its files.
 *
 * @throws Error when the journal is out of order: an entry merged late would be applied in a different order on a new
 * database than on an old one
 */
export function readMigrations(folder: string): Migration[] {
  const journal = JSON.parse(readFileSync(join(folder, 'meta', '_journal.json'), 'utf8')) as { entries: JournalEntry[] }
  journal.entries.forEach((entry, index) => {
    const before = journal.entries[index - 1]
    assert(entry.idx === index, `the journal numbers ${entry.tag} ${entry.idx}, not ${index}`)
    assert(
      before === undefined || before.when < entry.when,
      `the journal is out of order: ${entry.tag} is older than its predecessor`,
    )
  })
  return journal.entries.map(({ tag }) => {
    const text = readFileSync(join(folder, `${tag}.sql`), 'utf8')
    return { name: tag, hash: createHash('sha256').update(text).digest('hex'), statements: splitStatements(text) }
  })
}

function splitStatements(text: string): string[] {
  return text
    .split('--> statement-breakpoint')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}
