import { Agent, request } from 'node:http'

/**
 * A load generator in a process of its own: reads `{url, path, bodies, connections}` as JSON from standard input, sends
 * the bodies over that many kept-alive connections and prints `{seconds, latenciesMs, failures}`.
 */
interface Work {
  url: string
  path: string
  bodies: string[]
  connections: number
}

const chunks: Buffer[] = []
for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
const { url, path, bodies, connections } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Work
const agent = new Agent({ keepAlive: true, maxSockets: connections })
const target = new URL(path, url)

function send(body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const outgoing = request(target, { method: 'POST', agent, headers }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
      response.once('error', reject)
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

const latenciesMs: number[] = []
let failures = 0
let next = 0
async function connection(): Promise<void> {
  while (next < bodies.length) {
    const body = bodies[next] as string
    next += 1
    const startedAt = performance.now()
    const status = await send(body)
    latenciesMs.push(performance.now() - startedAt)
    if (status >= 300) failures += 1
  }
}

const startedAt = performance.now()
await Promise.all(Array.from({ length: connections }, connection))
const seconds = (performance.now() - startedAt) / 1000
process.stdout.write(JSON.stringify({ seconds, latenciesMs, failures }))
agent.destroy()
