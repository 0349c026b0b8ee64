import { entryOf } from '../audit/entry.ts'
import type { AttemptTrail } from './queue-types.ts'

/** The entry of the audit trail that says what a run did, without its task; null where it did nothing that is known. */
export function trailEntry(trail: AttemptTrail | undefined, outcome: string): Record<string, unknown> | null {
  if (trail === undefined) return null
  const { changedFiles, commandsExecuted, leftOut, commits } = trail
  if (changedFiles.length === 0 && commandsExecuted.length === 0 && commits === null) return null
  const { session_id: _, ...entry } = entryOf(
    {
      sessionId: '',
      actionType: 'attempt_trail',
      actionDescription: 'what a run did',
      success: outcome === 'completed',
      outputData: { outcome, ...(commits && { commits }), ...(leftOut > 0 && { left_out: leftOut }) },
      changedFiles,
      commandsExecuted,
    },
    undefined,
  )
  return entry
}
