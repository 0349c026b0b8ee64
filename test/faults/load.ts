import { contentHash } from '../../src/knowledge/text/normalize.ts'
import { call } from './service.ts'

/** What an add was answered with, as far as the checks read it. */
interface Stored {
  content_hash: string
  embedding: 'ready' | 'pending'
}

type Work = { kind: 'add'; content: string } | { kind: 'batch'; contents: string[] } | { kind: 'query'; query: string }

/** One answered request of the load. Times are of `performance.now()`. */
export interface LoadAnswer {
  kind: Work['kind']
  status: number
  type: string
  /** The problem's code where the request failed. */
  code: string | undefined
  degraded: string[] | undefined
  embedding: Stored['embedding'] | undefined
  startedAt: number
  endedAt: number
}

/** More than the embedded engine takes in one statement, so that a batch is a transaction of several. */
const BATCH_ITEMS = 24

/**
 * Adds unique texts, in atomic batches too, and remembers which were acknowledged. An add that got no answer, or a 503,
 * is sent again first, as a client would: it may have been done, and must not be done twice.
 */
export class Load {
  /** Content hashes of acknowledged texts. */
  readonly acknowledged = new Set<string>()
  /** Content hashes of each batch that was sent, whether or not it was acknowledged. */
  readonly batches: string[][] = []
  readonly answers: LoadAnswer[] = []
  /** Requests that ended without an answer. */
  lost = 0
  readonly #kinds: readonly Work['kind'][]
  readonly #unsettled: Work[] = []
  #made = 0
  #stopping = false

  /** @param kinds what the connections do in turn */
  constructor(kinds: readonly Work['kind'][] = ['add', 'add', 'add', 'batch']) {
    this.#kinds = kinds
  }

  /** Sends requests over `connections` at once until {@link stop}, or until each of them has lost its connection. */
  async run(url: string, connections: number, onAnswer: (answer: LoadAnswer) => void = () => undefined): Promise<void> {
    this.#stopping = false
    await Promise.all(Array.from({ length: connections }, () => this.#connection(url, onAnswer)))
  }

  stop(): void {
    this.#stopping = true
  }

  async #connection(url: string, onAnswer: (answer: LoadAnswer) => void): Promise<void> {
    while (!this.#stopping) {
      const work = this.#unsettled.shift() ?? this.#make()
      const startedAt = performance.now()
      const answer = await this.#send(url, work, startedAt).catch(() => null)
      // A batch is not sent again: a half of it that was left behind must show.
      if ((answer === null || answer.status === 503) && work.kind !== 'batch') this.#unsettled.push(work)
      if (answer === null) {
        this.lost++
        return
      }
      this.answers.push(answer)
      onAnswer(answer)
    }
  }

  #make(): Work {
    const number = this.#made++
    const kind = this.#kinds[number % this.#kinds.length] ?? 'add'
    if (kind === 'add') return { kind, content: textOf(number) }
    if (kind === 'query') return { kind, query: `note ${number} about ${wordOf(number)}` }
    const contents = Array.from({ length: BATCH_ITEMS }, (_, index) => `${textOf(number)} part ${index}`)
    this.batches.push(contents.map((content) => contentHash(content)))
    return { kind, contents }
  }

  async #send(url: string, work: Work, startedAt: number): Promise<LoadAnswer> {
    const { path, body } = requestOf(work)
    const answer = await call<Partial<Stored> & { code?: string; degraded?: string[]; results?: Stored[] }>(
      url,
      path,
      body,
    )
    const { status, type } = answer
    const { code, degraded, embedding, results } = answer.body
    if (status < 300 && work.kind === 'add') this.acknowledged.add(contentHash(work.content))
    if (status < 300 && work.kind === 'batch')
      for (const stored of results ?? []) this.acknowledged.add(stored.content_hash)
    return { kind: work.kind, status, type, code, degraded, embedding, startedAt, endedAt: performance.now() }
  }
}

function requestOf(work: Work): { path: string; body: unknown } {
  if (work.kind === 'add')
    return { path: '/v1/knowledge', body: { content: work.content, title: wordOf(work.content.length) } }
  if (work.kind === 'query') return { path: '/v1/knowledge/query', body: { query: work.query } }
  const items = work.contents.map((content) => ({ content }))
  return { path: '/v1/knowledge/batch', body: { items, atomic: true } }
}

/** One text in sixteen is of several chunks. */
function textOf(number: number): string {
  const sentence = `Note ${number} of this load is about ${wordOf(number)}.`
  return number % 16 === 7
    ? Array.from({ length: 120 }, (_, index) => `${sentence} Line ${index}.`).join('\n\n')
    : sentence
}

function wordOf(number: number): string {
  return `topic${(number * 7_919) % 101}`
}
