import type { OutputOf } from '../../client/index.ts'
import type { View } from '../terminal.ts'
import { table } from './table.ts'
import { minute } from './text.ts'

/** The workers, one a line. */
export function renderWorkers({ workers }: OutputOf<'listWorkers'>, view: View): string {
  if (workers.length === 0) return 'no workers; `agent-turbo worker` or `agent-turbo serve --workers 4` starts one'
  const rows = workers.map(({ workerId, status, running, concurrency, platforms, programs, roles, lastSeen }) => {
    const can = platforms.map((platform) => {
      const version = programs.find((program) => program.platform === platform)?.version ?? null
      return version === null ? platform : `${platform} ${version}`
    })
    const load = `${running} of ${concurrency}`
    return [workerId, status, load, can.join(', '), roles?.join(', ') ?? 'any', minute(lastSeen)]
  })
  return table(['worker', 'status', 'running', 'platforms', 'roles', 'last seen (UTC)'], rows, view)
}

export function renderDrained({ workerId, status, running }: OutputOf<'drainWorker'>): string {
  if (status === 'stopped') return `${workerId} has stopped already`
  return `${workerId} ends when its ${running} runs have ended`
}
