import { readFileSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestKnowledge, testKnowledge } from '../harness/knowledge.ts'

let world: TestKnowledge

beforeAll(async () => {
  world = await testKnowledge()
})

afterAll(() => world.drop())

const section = (at: number) =>
  `# Part ${at}\n\nThe setting max_part_${at} matters. ${'Some more is said here. '.repeat(60)}`

/** The words of each passage, in order; null for a chunk that is no passage. */
async function passages(id: number): Promise<(string[] | null)[]> {
  const rows = await world.db.query<{ words: string[] | null }>(sql`
    select tsvector_to_array(lexemes) as words from knowledge_chunks where item_id = ${id} order by ordinal`)
  return rows.map(({ words }) => words)
}

it('a long item keeps the words of each passage, a short one does not', async () => {
  const [short = 0, long = 0] = await world.addAll(
    { content: 'One passage about max_part_9.' },
    { content: [1, 2, 3].map(section).join('\n\n') },
  )
  expect(await passages(short)).toEqual([null])
  const found = await passages(long)
  expect(found.length).toBeGreaterThanOrEqual(3)
  expect(found[0]).toContain('max_part_1')
  expect(found[0]).not.toContain('max_part_3')
  expect(found.at(-1)).not.toContain('max_part_1')
})

it('the migration gives those stored before the words that they have when stored now', async () => {
  const [short = 0, long = 0] = await world.addAll(
    { content: 'One passage about max_part_8.' },
    { content: [4, 5, 6].map(section).join('\n\n') },
  )
  const now = await passages(long)
  await world.db.query(sql`update knowledge_chunks set lexemes = null`)
  const file = readFileSync(new URL('../../drizzle/0006_passages.sql', import.meta.url), 'utf8')
  const fill = file.split('--> statement-breakpoint').find((statement) => statement.includes('UPDATE knowledge_chunks'))
  await world.db.query(sql.raw(fill ?? ''))
  expect(await passages(long)).toEqual(now)
  expect(await passages(short)).toEqual([null])
})
