import { sql } from 'drizzle-orm'
import { openDatabase } from '../../../src/db/index.ts'

/**
 * Opens the embedded store in the given folder, says `open`, and holds it. With a second argument it inserts rows and
 * says the number of each once it is acknowledged.
 */
const [dataDir, writes] = process.argv.slice(2)
const db = await openDatabase({ dataDir })
db.announce('http://127.0.0.1:8780')
if (writes !== undefined) await db.query(sql`create table if not exists writes (n int primary key)`)
process.stdout.write('open\n')
if (writes === undefined) setInterval(() => undefined, 60_000)
else {
  const [row] = await db.query<{ next: number }>(sql`select coalesce(max(n), 0) + 1 as next from writes`)
  for (let n = row?.next ?? 1; ; n++) {
    await db.query(sql`insert into writes values (${n})`)
    process.stdout.write(`wrote ${n}\n`)
  }
}
