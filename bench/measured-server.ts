import { monitorEventLoopDelay } from 'node:perf_hooks'
import { startBenchServer } from './server.ts'

/**
 * A server with the built-in embedder, over the embedded store in AGENT_TURBO_DATA. Prints its URL when ready; when its
 * standard input ends, it prints how late its event loop was, in milliseconds, and ends.
 */
const server = await startBenchServer({ dataDir: process.env.AGENT_TURBO_DATA })
const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()
process.stdout.write(`${server.url}\n`)
process.stdin.resume()
process.stdin.once('end', async () => {
  const ms = (nanoseconds: number) => nanoseconds / 1e6
  const figures = { p50: delay.percentile(50), p95: delay.percentile(95), p99: delay.percentile(99), max: delay.max }
  const late = Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, ms(value)]))
  process.stdout.write(`${JSON.stringify(late)}\n`)
  await server.stop()
  process.exit(0)
})
