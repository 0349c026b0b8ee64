import pg from 'pg'
import { type Checks, milliseconds, printHeader, summary } from '../report.ts'
import { load, type Part, startServer, withClient } from './part.ts'

const CONNECTIONS = 10
const FEW = 100
/** Rates of a first second say more of the compiler than of the server. */
const WARM_UP = 1_000

const bodies = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    JSON.stringify({ agent_platform: 'codex', agent_role: 'developer', project: `p${index % 20}`, goal: 'a pool' }),
  )

/** The limit: the same rows by plain INSERT on as many connections, with the triggers that write the trail. */
async function plainInserts(url: string, count: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS })
  let next = 0
  const insert = async () => {
    for (let index = next++; index < count; index = next++) {
      await pool.query({
        name: 'insert',
        text: `insert into agent_sessions (session_id, agent_platform, agent_role, project, goal)
               values ($1, 'codex', 'developer', 'p', 'a pool') returning session_id`,
        values: [`plain_${index}`],
      })
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: CONNECTIONS }, insert))
  const seconds = (performance.now() - startedAt) / 1000
  await pool.end()
  return count / seconds
}

/** Session creations over HTTP with their landing contexts, ten at a time. */
export const sessionsPart: Part = { name: 'sessions', sizes: { creations: 10_000 }, run }

async function run(url: string, { creations: size = 0 }: Part['sizes'], checks: Checks): Promise<void> {
  printHeader('Sessions', `${size} creations over HTTP, ${CONNECTIONS} connections`)
  const server = await startServer(url)
  try {
    const few = await load(server.url, '/v1/sessions', bodies(FEW), FEW)
    console.log(`sessions    ${FEW} at once in ${few.seconds.toFixed(2)} s, the first that the server makes`)
    await load(server.url, '/v1/sessions', bodies(WARM_UP), CONNECTIONS)
    const many = await load(server.url, '/v1/sessions', bodies(size), CONNECTIONS)
    const rate = size / many.seconds
    console.log(`sessions    ${milliseconds(summary(many.latenciesMs))}  (${CONNECTIONS} connections)`)
    const plain = await plainInserts(url, Math.min(size, 3_000))
    console.log(`plain SQL   ${plain.toFixed(0)}/s on as many connections, the limit`)
    const { rows } = await withClient(url, (client) =>
      client.query(`select count(*)::int as sessions, count(c.chain_id)::int as chains
                    from agent_sessions s left join audit_chains c on c.chain_id = s.session_id
                    where s.session_id not like 'plain%'`),
    )
    checks.atLeast(
      'sessions persisted, each with its chain',
      Math.min(rows[0].sessions, rows[0].chains),
      FEW + WARM_UP + size,
      '',
    )
    checks.atLeast('session creations', rate, 1_000, '/s')
  } finally {
    await server.stop()
  }
}
