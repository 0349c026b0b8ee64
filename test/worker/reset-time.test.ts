import { expect, test } from 'vitest'
import { resetTimeIn } from '../../src/worker/reset-time.ts'

/** A Wednesday; in Berlin it is one hour later, in New York five hours earlier. */
const now = new Date('2026-11-25T14:00:00Z')

test.each([
  ["You've hit your session limit · resets 3:45pm", '2026-11-25T15:45:00Z'],
  ["You've hit your session limit · resets 1pm", '2026-11-26T13:00:00Z'],
  ['resets 12am', '2026-11-26T00:00:00Z'],
  ['resets 12:30pm (America/New_York)', '2026-11-25T17:30:00Z'],
  ['resets 6:30am (Asia/Kolkata)', '2026-11-26T01:00:00Z'],
  ["You've hit your weekly limit · resets Nov 28, 9am (Europe/Berlin)", '2026-11-28T08:00:00Z'],
  ['resets Jan 2, 1pm', '2027-01-02T13:00:00Z'],
  ['or try again at 2:22 PM.', '2026-11-25T14:22:00Z'],
  ['or try again at Nov 26th, 2026 12:16 PM.', '2026-11-26T12:16:00Z'],
  ['rate limit exceeded: try again in 1.5s', '2026-11-25T14:00:01.500Z'],
  ['Try again in 2 hours 5 minutes.', '2026-11-25T16:05:00Z'],
  ['try again in 3 days 4 hours', '2026-11-28T18:00:00Z'],
])('«%s»', (message, at) => {
  expect(resetTimeIn(message, now, 'UTC')?.toISOString()).toBe(new Date(at).toISOString())
})

test.each([
  'Credit balance is too low',
  'resets soon',
  'resets 3pm (Middle/Earth)',
  'an error in 3 files',
  'resets Foo 3, 1pm',
])('«%s» tells no time', (message) => {
  expect(resetTimeIn(message, now, 'UTC')).toBeNull()
})

test('a time of day on the day the clocks change', () => {
  const before = new Date('2026-03-28T20:00:00Z')
  expect(resetTimeIn('resets 9am (Europe/Berlin)', before)?.toISOString()).toBe('2026-03-29T08:00:00.000Z')
  expect(resetTimeIn('resets Mar 30, 9am (Europe/Berlin)', before)?.toISOString()).toBe('2026-03-30T07:00:00.000Z')
})
