import { describe, expect, it } from 'vitest'
import type { ClaimedTask } from '../../src/orchestrator/index.ts'
import { reservationOf } from '../../src/worker/budgets.ts'
import type { RunRequest } from '../../src/worker/runners/index.ts'
import { reportOfShortage } from '../../src/worker/verdict.ts'

const task = (inputData: object) => ({ attemptId: 'a', inputData }) as ClaimedTask
const request = (budgetUsd?: number) => ({ budgetUsd }) as RunRequest

describe('what is set aside for a run', () => {
  it.each([
    ['what its request says', 2, {}, { attemptUsd: 5, dayUsd: 9 }, 2],
    ['what the worker says of a run', undefined, {}, { attemptUsd: 5, dayUsd: 9 }, 5],
    ['no more than its task may cost', undefined, { task_budget_usd: 2 }, { attemptUsd: 5 }, 2],
    ['all that its task may cost', undefined, { task_budget_usd: 2 }, {}, 2],
  ])('is %s', (_, asked, input, budgets, amountUsd) => {
    expect(reservationOf(task(input), request(asked), budgets)).toMatchObject({ amountUsd })
  })
})

describe('a shortage', () => {
  const account = { platform: 'codex', accountKey: 'k' }
  const shortage = { budget: 'day' as const, limitUsd: 3, takenUsd: 3 }

  it('pauses the account only when the day is spent', () => {
    const reportAfter = (waitSeconds: number | null) => reportOfShortage('a', { ...shortage, waitSeconds }, account)
    expect(reportAfter(600)).toMatchObject({ account: { pause: { seconds: 600 } }, finish: { outcome: 'released' } })
    expect(reportAfter(30)).toMatchObject({ account: null, finish: { outcome: 'released', waitSeconds: 30 } })
    expect(reportAfter(null)).toMatchObject({ account: null, finish: { hold: 'budget' } })
  })
})
