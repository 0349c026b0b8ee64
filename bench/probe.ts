import { Agent, request } from 'node:http'
import { random } from './corpus.ts'
import { readPages } from './postgresql-docs.ts'

/**
 * Asks a server at a steady pace, in a process of its own: `probe.ts <url>`. Prints the latencies in milliseconds when
 * its standard input ends.
 */
const [url = ''] = process.argv.slice(2)
const HEALTH_EVERY_MS = 10
const QUERY_EVERY_MS = 50
const WORDS_A_QUESTION = 6

const next = random(7)
const texts = readPages().map(({ content }) =>
  content
    .replace(/<[^>]*>/g, ' ')
    .split(/\W+/)
    .filter((word) => word.length > 2),
)
const agent = new Agent({ keepAlive: true })

/** Some neighbouring words of a page: never asked before, so that no cache knows the answer. */
function question(): string {
  const words = texts[Math.floor(next() * texts.length)] ?? []
  const from = Math.floor(next() * Math.max(1, words.length - WORDS_A_QUESTION))
  return words.slice(from, from + WORDS_A_QUESTION).join(' ') || 'postgresql'
}

function send(method: string, path: string, body: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const outgoing = request(new URL(path, url), { method, agent, headers }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
      response.once('error', reject)
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

interface Series {
  latenciesMs: number[]
  failures: number
  pending: Set<Promise<void>>
}

/** Sends at each tick whether or not the last one was answered, so that a stall shows in every request it delays. */
function ask(everyMs: number, one: () => Promise<number>): { series: Series; timer: NodeJS.Timeout } {
  const series: Series = { latenciesMs: [], failures: 0, pending: new Set() }
  const timer = setInterval(() => {
    const startedAt = performance.now()
    const asked = one()
      .then((status) => {
        series.latenciesMs.push(performance.now() - startedAt)
        if (status !== 200) series.failures += 1
      })
      .catch(() => {
        series.failures += 1
      })
      .finally(() => series.pending.delete(asked))
    series.pending.add(asked)
  }, everyMs)
  return { series, timer }
}

const health = ask(HEALTH_EVERY_MS, () => send('GET', '/health', undefined))
const query = ask(QUERY_EVERY_MS, () => send('POST', '/v1/knowledge/query', JSON.stringify({ query: question() })))
process.stdin.resume()
process.stdin.once('end', async () => {
  clearInterval(health.timer)
  clearInterval(query.timer)
  await Promise.all([...health.series.pending, ...query.series.pending])
  const result = ({ latenciesMs, failures }: Series) => ({ latenciesMs, failures })
  process.stdout.write(JSON.stringify({ health: result(health.series), query: result(query.series) }))
  agent.destroy()
})
