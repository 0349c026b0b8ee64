import type { OutputOf } from '../../client/index.ts'
import type { View } from '../terminal.ts'
import { table } from './table.ts'
import { firstLine, minute, plural, truncate } from './text.ts'

/** Columns that a line leaves for the description. */
const FIXED_COLUMNS = 75
const TEXT_CHARS_MIN = 20
const TYPE_CHARS_MAX = 20

/** A page of the trail, one row a line. */
export function renderActions({ actions, nextCursor }: OutputOf<'listActions'>, view: View): string {
  if (actions.length === 0) return 'nothing on the record that matches'
  const chars = Math.max(view.width - FIXED_COLUMNS, TEXT_CHARS_MIN)
  const rows = actions.map((action) => [
    minute(action.executedAt),
    action.chainId,
    action.seq,
    truncate(action.actionType, TYPE_CHARS_MAX),
    action.success ? '' : 'failed',
    firstLine(action.actionDescription ?? action.errorMessage ?? '', chars),
  ])
  const lines = table(['when (UTC)', 'chain', 'row', 'type', '', 'description'], rows, view)
  return nextCursor === null ? lines : `${lines}\n${view.style.dim(`more with --cursor ${nextCursor}`)}`
}

/** Whether the trail is whole, or where it is broken first. */
export function renderVerification(verification: OutputOf<'verifyAudit'>, { style }: View): string {
  const { checked, detached, firstBroken } = verification
  const counted = `${plural(checked, 'row')} checked${detached === 0 ? '' : `, ${plural(detached, 'row')} in detached months`}`
  if (firstBroken === undefined) return `${style.green('valid')}: ${counted}`
  const { chainId, seq, actionId, reason } = firstBroken
  const row = actionId === null ? '' : ` (${actionId})`
  return `${style.red('broken')} at row ${seq} of ${chainId}${row}: ${reason}\n${counted} before it`
}

/** The end of one chain. */
export function renderHead({ chainId, seq, hash }: OutputOf<'listAuditHeads'>['heads'][number]): string {
  return `${hash}  ${seq}  ${chainId}`
}

export function renderDetached({ detached }: OutputOf<'detachAudit'>): string {
  if (detached.length === 0) return 'no month before that is in the trail'
  return `detached ${detached.join(', ')}; the tables can be archived with pg_dump and dropped`
}
