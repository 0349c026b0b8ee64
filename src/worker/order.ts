import type { Attempt, ClaimedTask } from '../orchestrator/index.ts'
import { END_ACTIONS } from './end-actions.ts'
import { END_CLASSES, type EndClass } from './end-class.ts'
import { composePrompt } from './prompt.ts'
import { routedInput } from './routes.ts'
import type { Runner, RunRequest } from './runners/index.ts'
import type { OrderInput } from './task-input.ts'
import type { Routes, WorkerServices } from './types.ts'

/** For all pieces of knowledge in a prompt together. */
const KNOWLEDGE_TOKENS_MAX = 2_000

export type OrderServices = Pick<WorkerServices, 'tasks' | 'taskLog' | 'recall' | 'countTokens' | 'log'>

/**
 * What a task asks of a runner. An agent is told what went wrong before, and goes on in its session where that makes
 * sense and the session is on this host.
 *
 * @throws TurboError `invalid_input`; `unavailable` when what went before cannot be read
 */
export async function requestOf(
  task: ClaimedTask,
  runner: Runner,
  here: { cwd: string; host: string; routes: Routes },
  services: OrderServices,
): Promise<RunRequest> {
  const input = routedInput(task, runner, here.routes)
  const { cwd = here.cwd, permission = 'edit', env } = input
  const place = { cwd, permission, ...(env && { env }) }
  if (runner.platform === 'command') return { ...place, prompt: '', argv: input.argv ?? [] }
  if (runner.platform === 'shell') return { ...place, prompt: '', script: input.script ?? '' }
  const previous = task.attemptNumber > 1 ? await attemptBefore(task, services) : undefined
  const resumeSessionId = previous && resumableSession(previous, runner, here.host)
  const prompt = composePrompt(
    {
      description: task.taskDescription,
      role: task.assignedToRole ?? undefined,
      requiredContext: task.requiredContext,
      knowledge: resumeSessionId === undefined ? await recalled(task, services) : [],
      previousFailure: previous && failureOf(previous),
      acceptance: input.acceptance,
      isResumed: resumeSessionId !== undefined,
    },
    { knowledgeTokensMax: KNOWLEDGE_TOKENS_MAX, countTokens: services.countTokens },
  )
  return { ...place, ...agentParts(input), prompt, ...(resumeSessionId && { resumeSessionId }) }
}

/** The parts that only some runners take: absent ones must not be there at all. */
function agentParts({ model, effort, tools, turns_max: turnsMax, budget_usd: budgetUsd, schema }: OrderInput) {
  const parts = { model, effort, tools, turnsMax, budgetUsd, schema }
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as Partial<RunRequest>
}

async function attemptBefore({ taskId, attemptId }: ClaimedTask, { tasks }: OrderServices) {
  const { attempts } = await tasks.listAttempts(taskId, { limit: 2 })
  return attempts.find((attempt) => attempt.attemptId !== attemptId)
}

function isEndClass(name: string | null): name is EndClass {
  return (END_CLASSES as readonly (string | null)[]).includes(name)
}

function resumableSession({ failureClass, cliSessionId, host }: Attempt, runner: Runner, here: string) {
  if (cliSessionId === null || host !== here || !runner.takes.includes('resumeSessionId')) return undefined
  return isEndClass(failureClass) && END_ACTIONS[failureClass].session === 'resume' ? cliSessionId : undefined
}

/** Nothing where the attempt was not to blame. */
function failureOf({ failureClass, errorMessage }: Attempt) {
  if (!isEndClass(failureClass) || END_ACTIONS[failureClass].counter !== 'task') return undefined
  return { endClass: failureClass, detail: errorMessage ?? failureClass }
}

/** An agent works without what the store knows rather than not at all; the log says so. */
async function recalled({ taskId, taskDescription, project }: ClaimedTask, { recall, log }: OrderServices) {
  try {
    return await recall({ text: taskDescription, project })
  } catch (error) {
    log.warn({ err: error, taskId }, 'a task is begun without what is known about it')
    return []
  }
}
