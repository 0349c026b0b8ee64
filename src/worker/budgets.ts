import type { ClaimedTask, ReserveInput } from '../orchestrator/index.ts'
import { readInput } from './order.ts'
import type { Runner, RunRequest } from './runners/index.ts'
import type { Budgets } from './types.ts'

/** What one run may cost: what its task says, else the worker; at most all that the task may. */
function attemptUsd({ inputData }: ClaimedTask, budgets: Budgets): number | undefined {
  const input = readInput(inputData)
  return input.budget_usd ?? budgets.attemptUsd ?? input.task_budget_usd ?? budgets.taskUsd
}

/** The request with its limit, where the agent's program can be held to one. */
export function limited(request: RunRequest, task: ClaimedTask, runner: Runner, budgets: Budgets): RunRequest {
  const budgetUsd = attemptUsd(task, budgets)
  if (budgetUsd === undefined || request.budgetUsd !== undefined || !runner.takes.includes('budgetUsd')) return request
  return { ...request, budgetUsd }
}

/** What has to be set aside before a run begins; null where nothing limits what all runs together may cost. */
export function reservationOf(task: ClaimedTask, runner: Runner, budgets: Budgets): ReserveInput | null {
  const amountUsd = attemptUsd(task, budgets)
  const { sessionUsd, dayUsd } = budgets
  const taskUsd = readInput(task.inputData).task_budget_usd ?? budgets.taskUsd
  const isLimited = taskUsd !== undefined || sessionUsd !== undefined || dayUsd !== undefined
  if (runner.successBy !== 'result' || amountUsd === undefined || !isLimited) return null
  return { attemptId: task.attemptId, amountUsd, taskUsd, sessionUsd, dayUsd }
}
