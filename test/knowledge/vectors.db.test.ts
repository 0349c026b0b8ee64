import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { toHalfvec } from '../../src/knowledge/spaces/vectors.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'

let world: TestDatabase

beforeAll(async () => {
  world = await testDatabase()
})

afterAll(() => world.drop())

it('a binary halfvec holds what the server makes of the same numbers', async () => {
  const ties = [1 + 2 ** -11, 1 + 3 * 2 ** -11, -(1 + 2 ** -11)]
  const edges = [0, 1, -1, 0.1, -0.1, 2 ** -14, 2 ** -14 - 2 ** -26, 2 ** -15, 2 ** -24, 2 ** -26, 0.9999, 0.99999]
  const spread = Array.from({ length: 500 }, (_, index) => Math.sin(index) * 10 ** -(index % 8))
  const values = Float32Array.from([...ties, ...edges, ...spread])
  const text = `[${values.join(',')}]`
  const rows = await world.db.query<{ sent: string; made: string }>(
    sql`select ${sql.param(toHalfvec(values))}::halfvec::text as sent, ${text}::halfvec::text as made`,
  )
  expect(rows[0]?.sent).toBe(rows[0]?.made)
})
