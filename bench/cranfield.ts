import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Checks, milliseconds, printHeader, summary } from './report.ts'
import { getJson, post, startBenchServer, untilEmbedded } from './server.ts'

/**
 * Cranfield through the HTTP path: 1,400 abstracts, 225 questions, binary relevance (grade above 0), nDCG@10.
 * `npm run bench:cranfield [folder]`; the store is embedded, or a server with DATABASE_URL.
 */
const folder = process.argv[2] ?? join(import.meta.dirname, '../../shared/data/cranfield')

interface Entry {
  id: number
  T: string
  W: string
}

function parse(file: string): Entry[] {
  const entries: Entry[] = []
  let field = ''
  for (const line of readFileSync(join(folder, file), 'utf8').split('\n')) {
    const mark = /^\.([ITABW])(?: (\d+))?/.exec(line)
    const current = entries.at(-1)
    if (mark?.[1] === 'I') entries.push({ id: Number(mark[2]), T: '', W: '' })
    else if (mark) field = mark[1] ?? ''
    else if (current && (field === 'T' || field === 'W')) current[field] += `${line}\n`
  }
  return entries
}

const documents = parse('cran.all.1400').filter((document) => document.W.trim() !== '')
const questions = parse('cran.qry').map((entry, index) => ({
  id: index + 1,
  text: entry.W.replace(/\s+/g, ' ').trim(),
}))
const relevant = new Map<number, Set<number>>()
for (const line of readFileSync(join(folder, 'cranqrel'), 'utf8').trim().split('\n')) {
  const [question = 0, document = 0, grade = 0] = line.trim().split(/\s+/).map(Number)
  if (grade <= 0) continue
  if (!relevant.has(question)) relevant.set(question, new Set())
  relevant.get(question)?.add(document)
}

function ndcgAt10(ids: number[], wanted: Set<number>): number {
  const gain = ids.slice(0, 10).reduce((sum, id, rank) => sum + (wanted.has(id) ? 1 / Math.log2(rank + 2) : 0), 0)
  const ideal = Array.from({ length: Math.min(10, wanted.size) }, (_, rank) => 1 / Math.log2(rank + 2))
  return gain / ideal.reduce((sum, value) => sum + value, 0)
}

interface Hit {
  metadata?: unknown
  source: { url?: string }
}

async function evaluate(url: string, mode: string): Promise<{ ndcg: number; zero: number }> {
  const times: number[] = []
  let total = 0
  let zero = 0
  for (const { id, text } of questions) {
    const startedAt = performance.now()
    const { results } = await post<{ results: Hit[] }>(url, '/v1/knowledge/query', { query: text, mode, limit: 10 })
    times.push(performance.now() - startedAt)
    if (results.length === 0) zero += 1
    const ids = results.map((hit) => Number(hit.source.url?.split(':').at(-1)))
    total += ndcgAt10(ids, relevant.get(id) ?? new Set())
  }
  const ndcg = total / questions.length
  console.log(`${mode.padEnd(8)} nDCG@10 ${ndcg.toFixed(4)}  zero ${zero}  ${milliseconds(summary(times))}`)
  return { ndcg, zero }
}

printHeader('Cranfield', `${documents.length} documents (empty ones left out), ${questions.length} questions`)
const server = await startBenchServer({ databaseUrl: process.env.DATABASE_URL || undefined })
try {
  for (let at = 0; at < documents.length; at += 100) {
    const items = documents.slice(at, at + 100).map(({ id, T, W }) => ({
      content: W.trim(),
      title: T.replace(/\s+/g, ' ').trim() || undefined,
      source: { url: `cranfield:${id}` },
    }))
    await post(server.url, '/v1/knowledge/batch', { items })
  }
  const startedAt = performance.now()
  await untilEmbedded(server.url, () => undefined)
  console.log(`embedded the rest in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  await getJson(server.url, '/v1/stats')
  const lexical = await evaluate(server.url, 'text')
  await evaluate(server.url, 'vector')
  const hybrid = await evaluate(server.url, 'hybrid')
  const checks = new Checks()
  checks.atLeast('lexical nDCG@10', lexical.ndcg, 0.385, '')
  checks.atLeast('hybrid nDCG@10 over lexical', hybrid.ndcg - lexical.ndcg, 0, '')
  checks.atMost('questions without a result', lexical.zero + hybrid.zero, 0, '')
  process.exitCode = checks.missed === 0 ? 0 : 1
} finally {
  await server.stop()
}
