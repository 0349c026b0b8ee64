import type { OutputOf } from '../../client/index.ts'
import type { View } from '../terminal.ts'
import { facts, table } from './table.ts'
import { firstLine, grouped, indent, minute, printable } from './text.ts'

type Session = OutputOf<'getSession'>
type History = OutputOf<'getSessionHistory'>

/** Columns that a line leaves for the text at its end. */
const LIST_FIXED_COLUMNS = 75
const HISTORY_FIXED_COLUMNS = 45
const TEXT_CHARS_MIN = 20

/** A page of sessions, one a line. */
export function renderSessions({ sessions, nextCursor }: OutputOf<'listSessions'>, view: View): string {
  if (sessions.length === 0) return 'no sessions that match; `agent-turbo session start` makes one'
  const chars = Math.max(view.width - LIST_FIXED_COLUMNS, TEXT_CHARS_MIN)
  const rows = sessions.map((session) => [
    session.sessionId,
    session.status,
    minute(session.createdAt),
    minute(session.lastActive),
    session.project ?? '',
    firstLine(session.title ?? session.goal ?? '', chars),
  ])
  const lines = table(['session', 'status', 'created (UTC)', 'last active', 'project', 'title'], rows, view)
  return nextCursor === null ? lines : `${lines}\n${view.style.dim(`more with --cursor ${nextCursor}`)}`
}

/** A session after a change, in one line. */
export function renderSessionLine({ sessionId, status }: OutputOf<'patchSession'>): string {
  return `${sessionId} is ${status}`
}

/** One session with everything that is known of it, then what its agent was told. */
export function renderSession(session: Session, view: View): string {
  const told = JSON.stringify(session.landingContext, null, 2)
  return [...headOf(session, view), '', printable(told)].join('\n')
}

function headOf(session: Omit<Session, 'landingContext'>, view: View): string[] {
  const known: [string, string | null][] = [
    ['status', session.status],
    ['platform', session.agentPlatform],
    ['role', session.agentRole],
    ['project', session.project],
    ['title', session.title],
    ['goal', session.goal],
    ['delegated by', session.parentSessionId],
    ['created', session.createdAt],
    ['last active', session.lastActive],
    ['ended', session.endedAt],
    ['tokens', session.tokensUsed === 0 ? null : grouped(session.tokensUsed)],
    ['cost', session.costUsd === 0 ? null : `$${session.costUsd}`],
    ['context', session.landingContextVersion],
    ['metadata', Object.keys(session.metadata).length === 0 ? null : JSON.stringify(session.metadata)],
  ]
  const entries = known.filter((entry): entry is [string, string] => entry[1] !== null)
  return [view.style.bold(session.sessionId), facts(entries, view)]
}

/** What happened in a session, list by list. */
export function renderHistory(history: History, view: View): string {
  const chars = Math.max(view.width - HISTORY_FIXED_COLUMNS, TEXT_CHARS_MIN)
  const short = (text: string | null) => firstLine(text ?? '', chars)
  const lists: [string, (string | number)[][]][] = [
    [
      'tasks',
      history.tasks.map((task) => [minute(task.createdAt), task.taskId, task.status, short(task.taskDescription)]),
    ],
    [
      'actions',
      history.actions.map((action) => [
        minute(action.executedAt),
        action.actionType,
        action.success ? '' : 'failed',
        short(action.actionDescription),
      ]),
    ],
    [
      'conversation',
      history.conversation.map((chunk) => [minute(chunk.createdAt), chunk.chunkId, short(chunk.content)]),
    ],
    [
      'knowledge',
      history.knowledge.map((item) => [minute(item.createdAt), `#${item.id}`, short(item.title ?? item.content)]),
    ],
    [
      'artifacts',
      history.artifacts.map((artifact) => [minute(artifact.createdAt), artifact.artifactId, short(artifact.name)]),
    ],
  ]
  const parts = lists.flatMap(([name, rows]) => {
    if (rows.length === 0) return []
    const heads = (rows[0] ?? []).map(() => '')
    return ['', view.style.bold(name), indent(table(heads, rows, view).replace(/^\n/, ''), '  ')]
  })
  const more = history.nextCursor === null ? [] : ['', view.style.dim(`more with --cursor ${history.nextCursor}`)]
  return [...headOf(history.session, view), ...parts, ...more].join('\n')
}
