import { expect, it } from 'vitest'
import { passagesOf } from '../../src/knowledge/text-index.ts'

const content = 'First part about poolSize. Second part.'
const cut = { first: { start: 0, end: 26, heading: 'Setup' }, second: { start: 27, end: 39, heading: null } }

it('passages have their own words, with their headings like a title and their identifiers whole', () => {
  const [first, second] = passagesOf(content, [cut.first, cut.second])
  expect(first).toMatchObject({ ...cut.first, lexical: { identifiers: ['poolsize'] } })
  expect(first?.lexical?.text).toBe('Setup\nSetup\nFirst part about poolSize.\npool size')
  expect(second?.lexical).toEqual({ text: 'Second part.', identifiers: [] })
})

it('an item of one passage, and text beyond what is indexed, has none', () => {
  expect(passagesOf(content, [cut.first])).toEqual([{ ...cut.first, lexical: null }])
  const far = { start: 200_000, end: 200_010, heading: null }
  expect(passagesOf('x'.repeat(200_010), [cut.first, far])[1]).toEqual({ ...far, lexical: null })
})
