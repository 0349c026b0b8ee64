import type { Principal } from '../access/index.ts'
import type { KnowledgeService } from '../knowledge/index.ts'
import type { OrchestratorServices } from '../orchestrator/index.ts'
import type { Turbo as FullTurbo } from '../turbo.ts'

export type { Health } from '../turbo.ts'

/** What every verb works on. */
export type Turbo = { knowledge: KnowledgeService; orchestrator: OrchestratorServices } & Pick<
  FullTurbo,
  'access' | 'health'
>

/** Who calls, and under which request. */
export interface OperationContext {
  principal: Principal
  /** The key the caller gave to make a retry harmless. A verb whose effect is not deduplicated by content derives its new id from it. */
  idempotencyKey?: string
}

/** What identifies a request that may be repeated: ids derived from it are the same each time. */
export function requestOf({ principal, idempotencyKey }: OperationContext): string | undefined {
  return idempotencyKey === undefined ? undefined : `${principal.id} ${idempotencyKey}`
}
