import { sql } from 'drizzle-orm'
import type { Store } from '../../src/db/index.ts'
import type { WorkerServices } from '../../src/worker/index.ts'

/** What a planted worker believes its leases to last. */
export const PLANTED_LEASE_SECONDS = 60

/**
 * The bug that the checks have to find: a worker that hears nothing of lost leases, and whose results are taken whoever
 * has the task by now. Leases are as short as without it, so that they are lost.
 */
export function unfenced(queue: WorkerServices['queue'], store: Store, leaseSeconds: number): WorkerServices['queue'] {
  return {
    ...queue,
    claim: (request) => queue.claim({ ...request, leaseSeconds }),
    async heartbeat(input) {
      const answers = await queue.heartbeat({ ...input, leaseSeconds })
      return answers.map((answer) => ({ ...answer, lost: false, renewed: true }))
    },
    async finish(input) {
      const ended = await queue.finish(input)
      if (ended !== null || input.outcome !== 'completed') return ended
      const [row] = await store.query<{ taskId: string; status: 'completed'; runAfter: null }>(sql`
        with attempt as (
          update task_attempts set outcome = 'completed', ended_at = now() where attempt_id = ${input.attemptId}::uuid
          returning task_id
        )
        update agent_tasks set status = 'completed', output_data = ${JSON.stringify(input.outputData ?? null)}::jsonb
        where task_id = (select task_id from attempt) and status <> 'blocked'
        returning task_id, status, run_after`)
      return row ?? null
    },
  }
}
