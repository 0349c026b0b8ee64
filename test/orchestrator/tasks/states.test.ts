import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { TASK_MOVES, TASK_STATUSES, type TaskStatus } from '../../../src/orchestrator/states.ts'

const page = readFileSync(new URL('../../../docs/state-machine.md', import.meta.url), 'utf8')
const pairs = (found: Iterable<RegExpMatchArray>) => [...found].map(([, from, to]) => `${from} ${to}`).sort()
const moves = TASK_STATUSES.flatMap((from) => TASK_MOVES[from].map((to) => `${from} ${to}`)).sort()

test('the picture shows every legal move, and no other', () => {
  expect(pairs(page.matchAll(/^ {2}(\w+) --> (\w+)/gm))).toEqual(moves)
})

test('the table shows every legal move, and no other', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (`.*`) \|$/gm)].filter(([, from]) => (from ?? '') in TASK_MOVES)
  const shown = Object.fromEntries(
    rows.map(([, from, to = '']) => [from, [...to.matchAll(/`(\w+)`/g)].map((match) => match[1] as TaskStatus)]),
  )
  expect(shown).toEqual(TASK_MOVES)
})
