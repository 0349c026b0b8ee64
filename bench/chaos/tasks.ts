import type { TaskInput } from '../../src/orchestrator/index.ts'

/** In the folder of the tasks: `start|end <task> <process>`, a line each, in the order in which it happened. */
export const RECORD = 'record'

const LAYERS = 6
const PARENTS_MAX = 3
/** Of so many runs one leaves a program behind that would go on. */
const LEAVES_BEHIND_EVERY = 10
const RETRIES_MAX = 100

/**
 * Tasks in layers, which depend on some of the layer before. Each notes its start and its end beside the queue, and
 * answers with which run of it this was.
 */
export function chaosTasks(count: number, folder: string, random: () => number): (TaskInput & { taskId: string })[] {
  const perLayer = Math.ceil(count / LAYERS)
  return Array.from({ length: count }, (_, index) => {
    const taskId = `chaos-${index}`
    const layer = Math.floor(index / perLayer)
    const parents = Array.from({ length: layer === 0 ? 0 : 1 + Math.floor(random() * PARENTS_MAX) }, () => {
      const parent = (layer - 1) * perLayer + Math.floor(random() * perLayer)
      return `chaos-${parent}`
    })
    const seconds = (0.1 + random() * 0.6).toFixed(2)
    const left = index % LEAVES_BEHIND_EVERY === 0 ? 'sleep 600 &' : ''
    const script = `echo start ${taskId} $$ >> ${RECORD}
${left}
sleep ${seconds}; echo end ${taskId} $$ >> ${RECORD}; echo ${taskId} $$`
    return {
      ...{ taskId, taskType: 'chaos', taskDescription: 'a short task', assignedToPlatform: 'command' },
      ...{ dependsOnTasks: [...new Set(parents)], maxRetries: RETRIES_MAX, maxInfraRetries: RETRIES_MAX },
      inputData: { argv: ['sh', '-c', script], cwd: folder },
    }
  })
}
