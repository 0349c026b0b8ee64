// Runs no-op jobs with graphile-worker and prints how many a second: `node run.js <url> <jobs> <concurrency>`.
import { Logger, makeWorkerUtils, run } from 'graphile-worker'

const [, , connectionString, jobs, concurrency] = process.argv
const total = Number(jobs)
const utils = await makeWorkerUtils({ connectionString })
await utils.migrate()
await utils.withPgClient((client) =>
  client.query("select graphile_worker.add_job('noop', '{}'::json) from generate_series(1, $1)", [total]),
)
let done = 0
let finish
const finished = new Promise((resolve) => {
  finish = resolve
})
const startedMs = performance.now()
const noop = async () => {
  done += 1
  if (done === total) finish()
}
const logger = new Logger(() => (level, message) => level === 'error' && console.error(message))
const runner = await run({
  connectionString,
  concurrency: Number(concurrency),
  taskList: { noop },
  logger,
  noHandleSignals: true,
})
await finished
// Its completions are written when it has stopped.
await runner.stop()
console.log(total / ((performance.now() - startedMs) / 1000))
await utils.release()
