import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { askAll, countWithin, explainMiss, ingestPages, type Question, readPages } from './postgresql-docs.ts'
import { Checks, printHeader } from './report.ts'
import { startBenchServer, untilEmbedded } from './server.ts'

/**
 * Real documents and questions in a user's words: `npm run bench:documents`. The store is embedded, or a server (an empty
 * database) with DATABASE_URL. Prints why each missed question was answered as it was.
 */
const questionsFile = join(import.meta.dirname, '..', 'test', 'e2e', 'questions.json')
const questions = JSON.parse(readFileSync(questionsFile, 'utf8')) as Question[]
/** Questions that use the words of the page; the others say it differently. */
const SAME_WORDS = 17
const pages = readPages()

printHeader(
  'Documents',
  `${pages.length} HTML pages of the PostgreSQL manual, ${questions.length} questions, built-in embedder`,
)
const server = await startBenchServer({ databaseUrl: process.env.DATABASE_URL || undefined })
try {
  const startedAt = performance.now()
  const ingested = await ingestPages(server.url, pages)
  const storedAt = performance.now()
  await untilEmbedded(server.url, () => undefined)
  const seconds = (from: number, to: number) => `${((to - from) / 1000).toFixed(1)} s`
  const chunks = ingested.reduce((sum, document) => sum + document.chunks, 0)
  console.log(`stored      ${ingested.length} pages, ${chunks} chunks, in ${seconds(startedAt, storedAt)}`)
  console.log(`embedded    ${seconds(storedAt, performance.now())} later`)
  for (const failed of ingested.filter(({ status }) => status === 'failed'))
    console.log(`failed      ${failed.path}: ${failed.detail}`)

  const asked = await askAll(server.url, questions)
  const share = (part: typeof asked) => `${countWithin(part, 5)} of ${part.length}`
  console.log(
    `top five    ${share(asked)}, same words ${share(asked.slice(0, SAME_WORDS))}, other words ${share(asked.slice(SAME_WORDS))}`,
  )
  console.log(`first       ${countWithin(asked, 1)} of ${asked.length}`)
  for (const miss of asked.filter(({ rank }) => rank === null)) console.log(await explainMiss(server.url, miss))
  const checks = new Checks()
  checks.atLeast('right page in the top five', countWithin(asked, 5) / asked.length, 0.8, '')
  process.exitCode = checks.missed === 0 ? 0 : 1
} finally {
  await server.stop()
}
