import { describe, expect, test } from 'vitest'
import { decimal, futureInstant, id, jsonObject, pastInstant, several, wholeNumber } from '../../src/cli/options.ts'

describe('values of options', () => {
  test('lists come by comma and by repetition', () => {
    expect(several('b, c', several('a'))).toEqual(['a', 'b', 'c'])
  })

  test.each(['x', '1.5', '', '1e3', ' 1'])('%j is no whole number', (value) => {
    expect(() => wholeNumber(value)).toThrow('Expected a whole number')
  })

  test('numbers may be negative or begin with a point', () => {
    expect([decimal('-0.5'), decimal('.25'), wholeNumber('-3')]).toEqual([-0.5, 0.25, -3])
    expect(() => decimal('1,5')).toThrow('Expected a number')
  })

  test('an id may carry the mark it is shown with', () => {
    expect([id('12'), id('#12')]).toEqual([12, 12])
    for (const wrong of ['0', '-1', 'abc', '1.0']) expect(() => id(wrong)).toThrow('Expected an id')
  })

  test('metadata is an object', () => {
    expect(jsonObject('{"a": [1]}')).toEqual({ a: [1] })
    for (const wrong of ['[1]', 'null', '{', '"a"']) expect(() => jsonObject(wrong)).toThrow('Expected')
  })
})

describe('times', () => {
  test('dates and times name one instant', () => {
    expect(pastInstant('2026-11-01')).toBe('2026-11-01T00:00:00.000Z')
    expect(pastInstant('2026-11-01T08:00:00+02:00')).toBe('2026-11-01T06:00:00.000Z')
  })

  test.each([
    ['30m', 1_800_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
  ])('%s is a span from now, back or forward', (span, ms) => {
    const before = Date.now()
    expect(Math.abs(before - ms - Date.parse(pastInstant(span)))).toBeLessThan(5_000)
    expect(Math.abs(before + ms - Date.parse(futureInstant(span)))).toBeLessThan(5_000)
  })

  test.each(['yesterday', '7', '7y', '2026', '2026-13-01', ''])('%j is no time', (value) => {
    expect(() => pastInstant(value)).toThrow('Expected a date')
  })
})
