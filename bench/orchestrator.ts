import { auditPart } from './orchestrator/audit.ts'
import { landingPart } from './orchestrator/landing.ts'
import { empty } from './orchestrator/part.ts'
import { queuePart } from './orchestrator/queue.ts'
import { sessionsPart } from './orchestrator/sessions.ts'
import { Checks } from './report.ts'

/**
 * The orchestrator on a PostgreSQL server: `DATABASE_URL=… npm run bench:orchestrator [part …] [size=number …]`.
 * The database is made for this: what it holds is removed before each part. Without parts all of them run.
 */
const parts = [sessionsPart, landingPart, queuePart, auditPart]

const given = process.argv.slice(2)
const sizes = Object.fromEntries(
  given.filter((arg) => arg.includes('=')).map((arg) => [arg.split('=')[0] ?? '', Number(arg.split('=')[1])]),
)
const wanted = given.filter((arg) => !arg.includes('='))
const known = [...parts.map(({ name }) => name), ...parts.flatMap(({ sizes: own }) => Object.keys(own))]
const unknown = [...wanted, ...Object.keys(sizes)].filter((name) => !known.includes(name))
const url = process.env.DATABASE_URL
if (url === undefined || unknown.length > 0) {
  console.error(url === undefined ? 'set DATABASE_URL' : `unknown: ${unknown.join(', ')}; known: ${known.join(', ')}`)
  process.exit(2)
}

const checks = new Checks()
for (const part of parts) {
  if (wanted.length > 0 && !wanted.includes(part.name)) continue
  await empty(url)
  await part.run(url, { ...part.sizes, ...sizes }, checks)
}
process.exitCode = checks.missed === 0 ? 0 : 1
