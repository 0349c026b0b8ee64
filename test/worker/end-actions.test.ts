import { expect, test } from 'vitest'
import { END_ACTIONS, retryDelayMs } from '../../src/worker/end-actions.ts'
import { END_CLASSES } from '../../src/worker/end-class.ts'

test('every class has an action, and no other', () => {
  expect(Object.keys(END_ACTIONS).sort()).toEqual([...END_CLASSES].sort())
})

test('what an account is paused for uses up no retry and waits for the account', () => {
  const paused = END_CLASSES.filter((each) => END_ACTIONS[each].pauseAccount !== 'no')
  expect(paused).toEqual(['auth', 'usage_limit', 'rate_limited', 'billing'])
  for (const each of paused)
    expect(END_ACTIONS[each]).toMatchObject({ retry: 'yes', counter: 'none', when: 'account', elsewhere: true })
})

test('every other retry is counted, so that it ends some day', () => {
  const retried = END_CLASSES.filter(
    (each) => END_ACTIONS[each].retry === 'yes' && END_ACTIONS[each].pauseAccount === 'no',
  )
  expect(retried.length).toBeGreaterThan(0)
  expect(retried.filter((each) => END_ACTIONS[each].counter === 'none')).toEqual([])
})

test('what decides the task is not tried again', () => {
  const settled = END_CLASSES.filter((each) => END_ACTIONS[each].retry === 'no')
  expect(settled).toEqual(['ok', 'cancelled', 'fenced'])
})

test('a session that is too long or may be broken is not resumed', () => {
  const fresh = END_CLASSES.filter((each) => END_ACTIONS[each].retry === 'yes' && END_ACTIONS[each].session === 'fresh')
  expect(fresh).toEqual(['context_too_long', 'crashed'])
})

test('the wait doubles up to five minutes, and a random half of it keeps failures apart', () => {
  const most = [1, 2, 3, 4, 5, 6, 60].map((failures) => retryDelayMs(failures, () => 1))
  expect(most).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000])
  expect(retryDelayMs(3, () => 0)).toBe(20_000)
})
