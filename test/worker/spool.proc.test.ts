import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SPOOL_POINTS, type SpoolPoint } from '../../src/worker/spool.ts'
import { runScript } from '../harness/processes.ts'

const SCRIPT = 'test/worker/processes/deliver-result.ts'

let folder = ''
let receiver: Receiver

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'agent-turbo-spool-'))
  receiver = await startReceiver()
})

afterEach(async () => {
  await receiver.stop()
  rmSync(folder, { recursive: true, force: true })
})

interface Receiver {
  url: string
  /** Attempts whose result was applied, in order; each only once, as the store does it. */
  applied: string[]
  /** Deliveries that arrived. */
  count: number
  /** Takes the next delivery and does not answer it. */
  answerNothing(): Promise<void>
  stop(): Promise<void>
}

async function startReceiver(): Promise<Receiver> {
  let onSilent: (() => void) | null = null
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    const { attemptId } = JSON.parse(text) as { attemptId: string }
    state.count += 1
    if (!state.applied.includes(attemptId)) state.applied.push(attemptId)
    if (onSilent === null) return void response.end('{}')
    onSilent()
    onSilent = null
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const state: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    applied: [],
    count: 0,
    answerNothing: () =>
      new Promise((resolve) => {
        onSilent = resolve
      }),
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return state
}

/** A worker that is killed when it has come to `point`; then another one that replays and ends. */
async function killAt(point: SpoolPoint): Promise<void> {
  const first = runScript(SCRIPT, [folder, receiver.url, 'attempt-1', point])
  await first.said(`at ${point}\n`)
  first.process.kill('SIGKILL')
  await first.ended
}

async function replay(): Promise<number> {
  const { code, stdout, stderr } = await runScript(SCRIPT, [folder, receiver.url]).ended
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return Number(/replayed (\d+)/.exec(stdout)?.[1])
}

const isStored = (point: SpoolPoint) => SPOOL_POINTS.indexOf(point) >= SPOOL_POINTS.indexOf('renamed')
const isRemoved = (point: SpoolPoint) => SPOOL_POINTS.indexOf(point) >= SPOOL_POINTS.indexOf('removed')

// A process that is killed loses nothing that the kernel has, so what is tried here is the order of the steps. That each
// file is synced before the next step is what the points say; that a disk keeps what was synced is the disk's affair.
test.each(SPOOL_POINTS)('killed at «%s», the result is applied once, or was never sent', async (point) => {
  await killAt(point)
  const sentBefore = receiver.count
  expect(sentBefore).toBe(SPOOL_POINTS.indexOf(point) >= SPOOL_POINTS.indexOf('sent') ? 1 : 0)
  expect(await replay()).toBe(isStored(point) && !isRemoved(point) ? 1 : 0)
  expect(receiver.applied).toEqual(isStored(point) ? ['attempt-1'] : [])
  expect(readdirSync(folder).filter((name) => name.endsWith('.json'))).toEqual([])
  expect(await replay()).toBe(0)
})

test('killed while the answer is under way, the result is sent again and applied once', async () => {
  const silent = receiver.answerNothing()
  const first = runScript(SCRIPT, [folder, receiver.url, 'attempt-1'])
  await silent
  first.process.kill('SIGKILL')
  await first.ended
  expect(await replay()).toBe(1)
  expect(receiver).toMatchObject({ applied: ['attempt-1'], count: 2 })
  expect(readdirSync(folder)).toEqual([])
})

test('what is left over is sent before anything new', async () => {
  await killAt('folder_synced')
  const { code } = await runScript(SCRIPT, [folder, receiver.url, 'attempt-2']).ended
  expect(code).toBe(0)
  expect(receiver.applied).toEqual(['attempt-1', 'attempt-2'])
})
