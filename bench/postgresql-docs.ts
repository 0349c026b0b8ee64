import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { post } from './server.ts'

/** Where Debian's package of the PostgreSQL manual puts its pages. */
const FOLDER = '/usr/share/doc/postgresql-doc-15/html'
/** What one request carries: well below the server's bound, and enough to see progress. */
const BATCH_DOCUMENTS = 25
const BATCH_CHARS = 2_000_000

export interface Page {
  path: string
  content: string
}

/** The HTML pages of the manual, by name; `limit` of them at most. Throws with the command to run when it is not there. */
export function readPages(limit = Number.POSITIVE_INFINITY): Page[] {
  if (!existsSync(FOLDER)) throw new Error(`${FOLDER} is not there: run \`apt-get install postgresql-doc-15\``)
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.html'))
  return names
    .sort()
    .slice(0, limit)
    .map((path) => ({ path, content: readFileSync(join(FOLDER, path), 'utf8') }))
}

interface Ingested {
  path: string
  status: 'created' | 'updated' | 'unchanged' | 'failed'
  chunks: number
  detail?: string
}

/** Sends the pages to `POST /v1/documents` in batches, one after the other. */
export async function ingestPages(url: string, pages: readonly Page[]): Promise<Ingested[]> {
  const results: Ingested[] = []
  for (const documents of batches(pages)) {
    const body = { source: 'postgresql-doc-15', documents }
    results.push(...(await post<{ documents: Ingested[] }>(url, '/v1/documents', body)).documents)
  }
  return results
}

function batches(pages: readonly Page[]): Page[][] {
  const all: Page[][] = []
  let chars = Number.POSITIVE_INFINITY
  for (const page of pages) {
    if (chars + page.content.length > BATCH_CHARS || all.at(-1)?.length === BATCH_DOCUMENTS) {
      all.push([])
      chars = 0
    }
    all.at(-1)?.push(page)
    chars += page.content.length
  }
  return all
}

export interface Question {
  question: string
  /** Names of the pages that answer it. */
  pages: string[]
}

/** A question with the pages that came back, best first, and the place of the first right one among them. */
export interface Asked extends Question {
  found: string[]
  /** From 1; null when no right page came back. */
  rank: number | null
  similarity: number | null
}

interface Hit {
  source: { path?: string }
  similarity: number | null
}

/** Asks each question for its five best pages. */
export async function askAll(url: string, questions: readonly Question[]): Promise<Asked[]> {
  const asked: Asked[] = []
  for (const question of questions) {
    const body = { query: question.question, limit: 5 }
    const { results } = await post<{ results: Hit[] }>(url, '/v1/knowledge/query', body)
    const found = results.map((hit) => hit.source.path ?? '')
    const index = found.findIndex((path) => question.pages.some((page) => path === page || path.endsWith(`/${page}`)))
    asked.push({
      ...question,
      found,
      rank: index === -1 ? null : index + 1,
      similarity: results[index]?.similarity ?? null,
    })
  }
  return asked
}

/** How many have a right page among the first `depth`. */
export function countWithin(asked: readonly Asked[], depth: number): number {
  return asked.filter(({ rank }) => rank !== null && rank <= depth).length
}

interface Explained {
  results: { source: { path?: string }; score: number; explain: unknown }[]
  explain: { lexemes: { lexeme: string; documents: number; used: boolean }[] }
}

/** Why a question was answered as it was: its words with how many pages hold each, the five best pages and the right ones. */
export async function explainMiss(url: string, { question, pages }: Question): Promise<string> {
  const body = { query: question, limit: 50, explain: true }
  const { results, explain } = await post<Explained>(url, '/v1/knowledge/query', body)
  const words = explain.lexemes.map((word) => `${word.lexeme}${word.used ? '' : ' (not used)'} ${word.documents}`)
  const lines = results.flatMap((hit, index) => {
    const isRight = pages.includes(hit.source.path ?? '')
    if (index >= 5 && !isRight) return []
    const place = `${isRight ? '->' : '  '} ${index + 1}`
    return [`${place} ${hit.source.path} ${hit.score} ${JSON.stringify(hit.explain)}`]
  })
  return [`missed: ${question}`, `   wanted ${pages.join(', ')}`, `   words ${words.join(', ')}`, ...lines].join('\n')
}
