import { openDatabase } from '../../src/db/index.ts'
import { verifyChains } from '../../src/orchestrator/audit/verify.ts'
import { type Checks, printHeader } from '../report.ts'
import { type Part, withClient } from './part.ts'

const CHAINS = 200
const ROWS_PER_APPEND = 1_000
const LONG = 10_000

const seconds = async (work: () => Promise<unknown>) => {
  const startedAt = performance.now()
  await work()
  return (performance.now() - startedAt) / 1000
}

/** Appending to the trail, and computing its hashes anew. */
export const auditPart: Part = { name: 'audit', sizes: { rows: 100_000 }, run }

async function run(url: string, { rows: size = 0 }: Part['sizes'], checks: Checks): Promise<void> {
  printHeader('Audit trail', `${size} rows`)
  const db = await openDatabase({ url })
  try {
    await withClient(url, async (client) => {
      await client.query('select audit_make_months()')
      const append = (chains: number, rows: number) =>
        client.query({
          name: 'append',
          text: `select count(*) from audit_append(array(
            select jsonb_build_object('task_id', 't' || i % $1, 'action_type', 'command',
              'action_description', 'ran the tests of module ' || i, 'success', i % 7 <> 0, 'execution_time_ms', i,
              'input_data', jsonb_build_object('argv', jsonb_build_array('npm', 'test', i)),
              'output_data', jsonb_build_object('log', repeat('all is well ', 20)))
            from generate_series(1, $2::int) i))`,
          values: [chains, rows],
        })
      const appended = await seconds(async () => {
        for (let done = 0; done < size; done += ROWS_PER_APPEND)
          await append(CHAINS, Math.min(ROWS_PER_APPEND, size - done))
      })
      console.log(
        `append      ${size} rows in ${appended.toFixed(1)} s, ${ROWS_PER_APPEND} a call over ${CHAINS} chains`,
      )
      await client.query('vacuum analyze agent_actions')
      const verified = await seconds(async () => {
        const { valid, checked } = await verifyChains(db, undefined)
        if (!valid || checked !== size) throw new Error(`verified ${checked} of ${size} rows, valid: ${valid}`)
      })
      const long = await seconds(() => append(1, LONG))
      const wide = await seconds(() => append(LONG, LONG))
      checks.atMost(`verification of ${size} rows`, verified, 10, 's')
      checks.atMost(`one append of ${LONG} rows to one chain`, long, 1, 's')
      checks.atMost(`one append of ${LONG} rows to as many chains`, wide, 1.5, 's')
    })
  } finally {
    await db.stop()
  }
}
