import type { Embedder } from '../src/knowledge/index.ts'
import { DIMENSIONS, itemText, queryText, vectorOf } from './corpus.ts'
import { startBenchServer } from './server.ts'

/**
 * A server whose embedder replays given vectors: `node replay-server.ts <items> <queries>` prints its URL when ready and
 * ends with its standard input. DATABASE_URL chooses a server, else the store is embedded.
 */
const [items = 0, queries = 0] = process.argv.slice(2).map(Number)

const vectors = new Map<string, Float32Array>()
for (let index = 0; index < items; index += 1) vectors.set(itemText(index), vectorOf(itemText(index)))
for (let index = 0; index < queries; index += 1) {
  const text = queryText(index, items)
  vectors.set(text, vectorOf(text))
}

const embedder: Embedder = {
  name: 'replay',
  traits: { maxTokens: 512, worth: 1 },
  space: async () => ({ model: 'replay', dimensions: DIMENSIONS, prefixScheme: 'none' }),
  embed: async (texts) => texts.map((text) => vectors.get(text) ?? vectorOf(text)),
  health: async () => ({ reachable: true }),
  stop: async () => undefined,
}

const server = await startBenchServer({
  databaseUrl: process.env.DATABASE_URL || undefined,
  dataDir: process.env.AGENT_TURBO_DATA || undefined,
  embedder,
})
process.stdout.write(`${server.url}\n`)
process.stdin.resume()
process.stdin.once('end', async () => {
  await server.stop()
  process.exit(0)
})
