/** Delivers one result to a loopback receiver, says each point of the spool it comes to, and stays at the one it is told. */
import { openSpool, type SpooledResult } from '../../../src/worker/spool.ts'

const [folder = '', url = '', attemptId = '', stayAt] = process.argv.slice(2)

async function send(spooled: SpooledResult): Promise<void> {
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(spooled) })
  if (!answer.ok) throw new Error(`the receiver answers ${answer.status}`)
}

const spool = await openSpool({
  folder,
  at(point) {
    process.stdout.write(`at ${point}\n`)
    return point === stayAt ? new Promise(() => setInterval(() => undefined, 60_000)) : Promise.resolve()
  },
})
const replayed = await spool.replay(send)
process.stdout.write(`replayed ${replayed}\n`)
if (attemptId !== '') await spool.deliver({ attemptId, result: { text: 'done' } }, send)
