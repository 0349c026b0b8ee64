/** What an agent says it did. Secrets are taken out and long values cut before it is written. */
export interface ActionInput {
  sessionId: string
  taskId?: string
  actionType: string
  actionDescription?: string
  inputData?: Record<string, unknown>
  outputData?: Record<string, unknown>
  /** Default true. */
  success?: boolean
  errorMessage?: string
  executionTimeMs?: number
  changedFiles?: string[]
  commandsExecuted?: string[]
  apiEndpointsCalled?: string[]
  metadata?: Record<string, unknown>
}

/** One row of the trail. Times are ISO 8601 UTC. */
export interface Action {
  actionId: string
  sessionId: string | null
  taskId: string | null
  actionType: string
  actionDescription: string | null
  inputData: Record<string, unknown> | null
  outputData: Record<string, unknown> | null
  success: boolean
  errorMessage: string | null
  executionTimeMs: number | null
  changedFiles: string[] | null
  commandsExecuted: string[] | null
  apiEndpointsCalled: string[] | null
  executedAt: string
  metadata: Record<string, unknown>
  /** Which chain it is in, and where: see docs/decisions/005-audit-chains.md. */
  chainId: string
  seq: number
  previousHash: string
  hash: string
}

export interface ActionFilter {
  sessionId?: string
  taskId?: string
  actionType?: string
  success?: boolean
  /** ISO 8601, inclusive. */
  since?: string
}

export interface ListActionsInput extends ActionFilter {
  /** Default 50. */
  limit?: number
  cursor?: string
}

export interface ActionPage {
  /** Newest first. */
  actions: Action[]
  nextCursor: string | null
}

/** Where the trail is broken. */
export interface BrokenRow {
  chainId: string
  sessionId: string | null
  /** Place of the row in its chain, the missing one where a row is missing. */
  seq: number
  /** Null where the row is missing. */
  actionId: string | null
  reason: string
}

export interface Verification {
  valid: boolean
  /** Rows whose hashes were computed anew. */
  checked: number
  /** Rows in detached months, of which only the places that they left are known. */
  detached: number
  /** Present when `valid` is false. */
  firstBroken?: BrokenRow
}

/** The end of a chain. Kept outside the database, it shows later whether the chain was written anew. */
export interface ChainHead {
  chainId: string
  seq: number
  hash: string
}

export interface HeadPage {
  heads: ChainHead[]
  nextCursor: string | null
}

/**
 * The audit trail.
 *
 * @throws TurboError `unavailable` or `timeout` from the database in every method, beside what is noted.
 */
export interface AuditService {
  /** @throws TurboError `invalid_input` (no such session) */
  log(input: ActionInput, request?: string): Promise<Pick<Action, 'actionId' | 'seq' | 'hash'>>
  /** Newest first; a page of long rows ends early. */
  list(input: ListActionsInput): Promise<ActionPage>
  /** Computes every hash anew: of one session's chain, or of all chains. */
  verify(input: { sessionId?: string }): Promise<Verification>
  /** The ends of all chains, by chain. */
  heads(input: { limit?: number; cursor?: string }): Promise<HeadPage>
  /**
   * Takes the months before `before` (`YYYY-MM`) out of the trail; their tables stay, detached.
   *
   * @throws TurboError `invalid_input` (a month that is not over), `conflict` (the trail is broken)
   */
  detach(input: { before: string }): Promise<{ detached: string[] }>
}
