import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { toHalfvec, toHalfvecArray } from '../../src/knowledge/spaces/vectors.ts'
import { testDatabase } from '../harness/database.ts'

let world: Awaited<ReturnType<typeof testDatabase>>
beforeAll(async () => {
  world = await testDatabase()
})
afterAll(() => world.drop())

/** Halves, what lies between two of them, the smallest ones and what is too small for any, each with both signs. */
const VALUES = Float32Array.from(
  [
    [0, 1, 0.5, 0.1, 1 / 3, 0.999_969_5, 65_504],
    // Exactly between two halves, once above an even one and once above an odd one; then a little beyond.
    [1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -23],
    [2 ** -14, 2 ** -14 - 2 ** -26, 2 ** -15, 2 ** -24, 1.5 * 2 ** -24, 2.5 * 2 ** -24, 2 ** -25, 2 ** -25 + 2 ** -40],
    Array.from({ length: 200 }, (_, index) => Math.sin(index * 7.3) / 30),
  ]
    .flat()
    .flatMap((value) => [value, -value]),
)

it('a binary vector is the one that the server reads from text', async () => {
  const text = Array.from(VALUES, (value) => (Object.is(value, -0) ? '-0' : String(value))).join()
  const [row] = await world.db.query<{ binary: string; text: string }>(sql`
    select ${toHalfvec(VALUES)}::halfvec::text as binary, ${`[${text}]`}::halfvec::text as text`)
  expect(row?.binary).toBe(row?.text)
  expect(row?.binary.split(',')).toHaveLength(VALUES.length)
})

it('binary vectors arrive in order, and none are none', async () => {
  const [type] = await world.db.query<{ oid: number }>(sql`select 'halfvec'::regtype::oid as oid`)
  const array = (...vectors: number[][]) =>
    toHalfvecArray(
      vectors.map((vector) => toHalfvec(Float32Array.from(vector))),
      type?.oid ?? 0,
    )
  const read = (binary: Buffer) => world.db.query(sql`select v::text as v from unnest(${binary}::halfvec[]) as v`)
  expect(await read(array([1, 2], [3]))).toEqual([{ v: '[1,2]' }, { v: '[3]' }])
  expect(await read(array())).toEqual([])
})
