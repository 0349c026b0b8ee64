import { describe, expect, it } from 'vitest'
import { camelName, toRows } from '../../src/db/rows.ts'
import { StatementNames } from '../../src/db/statement.ts'
import { isoMoment } from '../../src/db/values.ts'

describe('a moment', () => {
  it.each([
    ['2026-11-20 13:55:56.123456+00', '2026-11-20T13:55:56.123456Z'],
    ['2026-11-20 13:55:56.1+00', '2026-11-20T13:55:56.100000Z'],
    ['2026-11-20 13:55:56+00', '2026-11-20T13:55:56.000000Z'],
    ['infinity', 'infinity'],
    ['-infinity', '-infinity'],
    ['0044-03-15 12:00:00+00 BC', '0044-03-15 12:00:00+00 BC'],
  ])('%s is written %s', (text, iso) => {
    expect(isoMoment(text)).toBe(iso)
  })
})

describe('a column name', () => {
  it.each([
    ['created_at', 'createdAt'],
    ['id', 'id'],
    ['a_b_c', 'aBC'],
    ['sha_256', 'sha256'],
    ['_private_part', '_privatePart'],
    ['?column?', '?column?'],
    ['alreadyCamel', 'alreadyCamel'],
  ])('%s becomes %s', (column, name) => {
    expect(camelName(column)).toBe(name)
  })

  it('is the key of each row', () => {
    const fields = [{ name: 'item_id' }, { name: 'title' }]
    expect(
      toRows(fields, [
        [1, 'a'],
        [2, null],
      ]),
    ).toEqual([
      { itemId: 1, title: 'a' },
      { itemId: 2, title: null },
    ])
  })
})

describe('names of prepared statements', () => {
  it('are one for a text and different for different texts', () => {
    const names = new StatementNames()
    const connection = {}
    expect(names.nameFor(connection, 'select 1')).toBe(names.nameFor(connection, 'select 1'))
    expect(names.nameFor(connection, 'select 1')).not.toBe(names.nameFor(connection, 'select 2'))
  })

  it('are bounded on each connection, and those in use go on', () => {
    const names = new StatementNames()
    const connection = {}
    const first = names.nameFor(connection, 'select 0')
    const given = Array.from({ length: 1_000 }, (_, i) => names.nameFor(connection, `select ${i}`))
    expect(given.filter((name) => name !== undefined)).toHaveLength(500)
    expect(names.nameFor(connection, 'select 0')).toBe(first)
    expect(names.nameFor({}, 'select 999')).toBeDefined()
  })

  it('are new ones after a renewal', () => {
    const names = new StatementNames()
    const connection = {}
    const before = names.nameFor(connection, 'select 1')
    names.renew()
    expect(names.nameFor(connection, 'select 1')).not.toBe(before)
  })
})
