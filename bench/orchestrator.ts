import { benchAudit } from './orchestrator/audit.ts'
import type { Part } from './orchestrator/part.ts'
import { benchSessions } from './orchestrator/sessions.ts'
import { Checks, printHeader } from './report.ts'

/**
 * Speed of the orchestrator on native PostgreSQL: `npm run bench:orchestrator [part[=size] …]`, all parts unless some
 * are named. DATABASE_URL names a database made for this: what it holds is removed.
 */
const PARTS: Record<string, { size: number; run: Part }> = {
  sessions: { size: 10_000, run: benchSessions },
  audit: { size: 100_000, run: benchAudit },
}

const url = process.env.DATABASE_URL
if (!url) throw new Error('DATABASE_URL must name a database made for this benchmark')
const wanted = process.argv.slice(2).map((argument) => argument.split('='))
const chosen = wanted.length === 0 ? Object.keys(PARTS).map((name) => [name]) : wanted
const checks = new Checks()
for (const [name = '', size] of chosen) {
  const part = PARTS[name]
  if (part === undefined) throw new Error(`no part ${name}; there are ${Object.keys(PARTS).join(', ')}`)
  const count = Number(size ?? part.size)
  printHeader(`Orchestrator: ${name}`, `${count}, PostgreSQL`)
  await part.run({ url, size: count, checks })
}
process.exitCode = checks.missed > 0 ? 1 : 0
