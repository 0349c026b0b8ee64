import { sql } from 'drizzle-orm'
import { expect } from 'vitest'
import { type DatabaseConfig, openDatabase } from '../../src/db/index.ts'
import type { Load } from './load.ts'

/** Opens the store that the load wrote to and looks for what was acknowledged, row by row. */
export async function expectNothingLostOrTwice(place: DatabaseConfig, load: Load): Promise<void> {
  const db = await openDatabase(place)
  try {
    const stored = await db.query<{ contentHash: string; copies: number }>(
      sql`select content_hash, count(*) as copies from agent_knowledge group by content_hash`,
    )
    const hashes = new Set(stored.map((row) => row.contentHash))
    expect([...load.acknowledged].filter((hash) => !hashes.has(hash))).toEqual([])
    expect(stored.filter((row) => row.copies !== 1)).toEqual([])
    for (const batch of load.batches) {
      expect([0, batch.length]).toContain(batch.filter((hash) => hashes.has(hash)).length)
    }
    // An item comes with its chunks or not at all, and says `ready` only when each of them has its vector.
    expect(
      await db.query(sql`
        select id from agent_knowledge k where not exists (select from knowledge_chunks c where c.item_id = k.id)
          or embedding_state = 'ready' and exists (
            select from knowledge_chunks c where c.item_id = k.id
              and not exists (select from knowledge_vectors v where v.chunk_id = c.id))`),
    ).toEqual([])
  } finally {
    await db.stop()
  }
}
