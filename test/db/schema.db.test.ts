import { readFileSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dumpSchema } from '../../scripts/schema-dump.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'

let world: TestDatabase

beforeAll(async () => {
  world = await testDatabase()
})

afterAll(() => world.drop())

describe('drizzle/schema.sql', () => {
  it('says what the migrations add up to, whatever the engine', async () => {
    const file = readFileSync(new URL('../../drizzle/schema.sql', import.meta.url), 'utf8')
    expect(await dumpSchema(world.db)).toBe(file)
  })

  it('would show a change that no migration makes', async () => {
    const before = await dumpSchema(world.db)
    await world.db.query(
      sql`create table drifted (id bigint primary key, note text default 'x' check (note <> '')) with (fillfactor = 80)`,
    )
    const after = await dumpSchema(world.db)
    expect(after.split('\n').filter((line) => !before.includes(line))).toEqual([
      'create table drifted (',
      '  id bigint not null,',
      "  note text default 'x'::text",
      'alter table drifted set (fillfactor=80);',
      "alter table drifted add constraint drifted_note_check CHECK ((note <> ''::text));",
      'alter table drifted add constraint drifted_pkey PRIMARY KEY (id);',
    ])
  })
})
