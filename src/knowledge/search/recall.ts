import type { QueryHit, RecalledItem, RecallInput } from '../types.ts'
import { findByWords, type QueryContext } from './query.ts'
import { listNotable } from './recall-queries.ts'

const ITEMS_MAX = 8
/** Of them at most so many are there only because they mention the role. */
const ROLE_ITEMS_MAX = 3
const TEXT_CHARS = 1_000

/**
 * What somebody should know who begins work: what the words of the goal and the role find, filled up with the most
 * important of the project. By words alone: an embedder takes longer than the rest of a start together, and may be away,
 * which would make two answers of one state.
 */
export async function recall(context: QueryContext, { project, role, goal }: RecallInput): Promise<RecalledItem[]> {
  const words = [goal, role].filter((part) => part !== undefined && /\S/.test(part)).join(' ')
  const limit = goal === undefined ? ROLE_ITEMS_MAX : ITEMS_MAX
  const [found, notable] = await Promise.all([
    words === '' ? [] : findByWords(context, words, project, limit),
    listNotable(context.db, project, ITEMS_MAX, TEXT_CHARS),
  ])
  const items = new Map<number, RecalledItem>()
  for (const item of [...found.map(excerptOf), ...notable]) {
    if (items.size < ITEMS_MAX && !items.has(item.id)) items.set(item.id, item)
  }
  return [...items.values()]
}

function excerptOf({ id, knowledgeType, project, title, passage, content }: QueryHit): RecalledItem {
  return { id, knowledgeType, project, title, text: (passage ?? content).slice(0, TEXT_CHARS) }
}
