import { invalid } from '../base/errors.ts'
import type { ClaimedTask } from '../orchestrator/index.ts'
import type { OptionalPart, Runner } from './runners/index.ts'
import { type OrderInput, readInput } from './task-input.ts'
import type { Route, Routes } from './types.ts'

/** Fields of a route that only some runners take. */
const PARTS: Partial<Record<keyof Route, OptionalPart>> = {
  ...{ model: 'model', effort: 'effort', tools: 'tools', turns_max: 'turnsMax', budget_usd: 'budgetUsd' },
}

/** @throws TurboError `invalid_input` naming the first field of a route that its platform does not take */
export function checkRoutes(routes: Routes, runners: ReadonlyMap<string, Runner>): void {
  for (const [taskType, route] of Object.entries(routes)) {
    const runner = route.platform === undefined ? undefined : runners.get(route.platform)
    if (runner === undefined) continue
    const refused = Object.keys(route).find((field) => !takes(runner, field))
    if (refused === undefined) continue
    throw invalid(`/AGENT_TURBO_ROUTES/${taskType}/${refused}`, `the platform ${runner.platform} does not take it`)
  }
}

/** What a task says of its run, and its route where it says nothing. A route for another platform is not for this run. */
export function routedInput(task: ClaimedTask, runner: Runner, routes: Routes): OrderInput {
  const own = readInput(task.inputData)
  const route = Object.hasOwn(routes, task.taskType) ? routes[task.taskType] : undefined
  if (route === undefined || runner.successBy !== 'result') return own
  const { platform = runner.platform, ...fields } = route
  if (platform !== runner.platform) return own
  return { ...Object.fromEntries(Object.entries(fields).filter(([field]) => takes(runner, field))), ...own }
}

function takes(runner: Runner, field: string): boolean {
  const part = PARTS[field as keyof Route]
  return part === undefined || runner.takes.includes(part)
}
