import type { OutputOf } from '../../client/index.ts'
import type { View } from '../terminal.ts'
import { placeOf, sourceText } from './items.ts'
import { table } from './table.ts'
import { firstLine, indent, plural, printable } from './text.ts'

type Answer = OutputOf<'queryKnowledge'>
type Hit = Answer['results'][number]

/** Lines of a text that a screen of results has room for. */
const LINES_MAX = 12
const INDENT = '   '

/** The answer to a question: hits best first, with their text, or the best passage where that is long. */
export function renderAnswer(answer: Answer, view: View, full: boolean): string {
  const hits = answer.results.map((hit, index) => renderHit(hit, index + 1, view, full))
  const found = hits.length === 0 ? ['nothing found'] : hits
  const how = answer.cached ? 'from cache' : `${answer.tookMs.toFixed(1)} ms`
  const foot = view.style.dim(`${plural(answer.results.length, 'result')}, ${how}`)
  return [...found, ...(answer.explain ? [renderPlan(answer.explain, view)] : []), foot].join('\n\n')
}

/** Why an answer is worse than it could be, for people. */
export function degradedText(reasons: readonly string[]): string {
  return `the answer is degraded: ${reasons.map((reason) => REASONS[reason] ?? reason).join('; ')}`
}

const REASONS: Record<string, string> = {
  embedder_unavailable: 'the embedder is away, so that only words were compared',
  embedding_backlog: 'some items are not embedded yet and were found by words only',
  starting: 'the embedder is still starting, so that only words were compared',
  space_mismatch: 'the store holds vectors of another model, so that only words were compared',
}

function renderHit(hit: Hit, position: number, { style, width }: View, full: boolean): string {
  const number = `${position}.`.padEnd(INDENT.length)
  const title = firstLine(hit.title ?? hit.content, width - INDENT.length)
  const facts = [
    `#${hit.id}`,
    hit.similarity === null ? 'words only' : `similarity ${hit.similarity.toFixed(3)}`,
    `score ${hit.score.toFixed(4)}`,
    hit.knowledgeType,
    placeOf(hit),
    hit.tags.join(', '),
    sourceText(hit.source),
  ].filter((fact) => fact !== '')
  const lines = [number + style.bold(title), INDENT + style.dim(printable(facts.join(' · ')))]
  const text = textOf(hit, full)
  if (printable(text).trim() !== title) lines.push(indent(text, INDENT))
  if (hit.explain) lines.push(INDENT + style.dim(armsText(hit.explain)))
  return lines.join('\n')
}

function textOf({ id, content, passage }: Hit, full: boolean): string {
  const whole = printable(content).trim()
  if (full || whole.split('\n').length <= LINES_MAX) return whole
  const lines = printable(passage ?? content)
    .trim()
    .split('\n')
  return [...lines.slice(0, LINES_MAX), `… (the whole text: agent-turbo show ${id})`].join('\n')
}

function armsText({ dense, lexical, importanceFactor }: NonNullable<Hit['explain']>): string {
  const meaning = dense ? `meaning: rank ${dense.rank}, adds ${dense.contribution.toFixed(4)}` : 'meaning: not found'
  const words = lexical
    ? `words: rank ${lexical.rank ?? '-'}, bm25 ${lexical.bm25.toFixed(2)}, adds ${lexical.contribution.toFixed(4)}`
    : 'words: not found'
  return `${meaning} · ${words} · importance x${importanceFactor.toFixed(2)}`
}

function renderPlan({ plan, lexemes, timingsMs, dropped }: NonNullable<Answer['explain']>, view: View): string {
  const words = lexemes.map(({ lexeme, documents, idf, used }) => [
    lexeme,
    documents,
    idf.toFixed(2),
    used ? 'yes' : '',
  ])
  const timings = Object.entries(timingsMs).map(([step, ms]) => `${step} ${ms.toFixed(1)} ms`)
  return [
    `vectors: ${plan.dense}${plan.exactRerun ? ' (run again exactly)' : ''} · words: ${plan.lexical}`,
    `timings: ${timings.join(', ')}`,
    ...(words.length > 0 ? [table(['word', 'documents', 'idf', 'used'], words, view)] : []),
    ...dropped.map(({ id, reason }) => `dropped #${id}: ${reason}`),
  ].join('\n')
}
