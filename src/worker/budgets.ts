import type { ClaimedTask, ReserveInput } from '../orchestrator/index.ts'
import type { Runner, RunRequest } from './runners/index.ts'
import { readInput } from './task-input.ts'
import type { Budgets } from './types.ts'

/** What one run may cost: what its request says, else the worker; at most all that the task may. */
function attemptUsd({ inputData }: ClaimedTask, request: RunRequest, budgets: Budgets): number | undefined {
  const taskUsd = readInput(inputData).task_budget_usd ?? budgets.taskUsd
  if (request.budgetUsd !== undefined || budgets.attemptUsd === undefined) return request.budgetUsd ?? taskUsd
  return Math.min(budgets.attemptUsd, taskUsd ?? budgets.attemptUsd)
}

/** The request with its limit, where the agent's program can be held to one. */
export function limited(request: RunRequest, task: ClaimedTask, runner: Runner, budgets: Budgets): RunRequest {
  const budgetUsd = attemptUsd(task, request, budgets)
  return budgetUsd === undefined || !runner.takes.includes('budgetUsd') ? request : { ...request, budgetUsd }
}

/** What has to be set aside before an agent begins; null where nothing limits what all runs together may cost. */
export function reservationOf(task: ClaimedTask, request: RunRequest, budgets: Budgets): ReserveInput | null {
  const amountUsd = attemptUsd(task, request, budgets)
  const { sessionUsd, dayUsd } = budgets
  const taskUsd = readInput(task.inputData).task_budget_usd ?? budgets.taskUsd
  const isLimited = taskUsd !== undefined || sessionUsd !== undefined || dayUsd !== undefined
  return amountUsd === undefined || !isLimited
    ? null
    : { attemptId: task.attemptId, amountUsd, taskUsd, sessionUsd, dayUsd }
}
