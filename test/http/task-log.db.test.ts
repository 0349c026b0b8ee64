import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { createLog } from '../../src/base/log.ts'
import { createClient } from '../../src/client/index.ts'
import { createHttpServer } from '../../src/http/index.ts'
import { createTurbo, type Turbo } from '../../src/turbo.ts'
import { startProxy } from '../db/proxy.ts'
import { type TestPlace, testPlace } from '../harness/database.ts'
import { fakeEmbedder } from '../harness/embedder.ts'
import { WORKER } from '../harness/tasks.ts'
import { LOCAL_CONFIG } from './harness.ts'

let place: TestPlace
let turbo: Turbo
let http: ReturnType<typeof createHttpServer>
let port: number

beforeAll(async () => {
  place = await testPlace('migrated')
  const { url, dataDir } = place.config
  const log = createLog({ level: 'silent' })
  const database = { url, dataDir: dataDir ?? '', poolMin: 1, poolMax: 4, statementTimeoutMs: 10_000 }
  const embedder = { kind: undefined, url: undefined, model: undefined, apiKey: undefined, threads: undefined }
  turbo = await createTurbo({ database, embedder }, { log, embedder: fakeEmbedder() })
  http = createHttpServer({ turbo, config: LOCAL_CONFIG, log })
  port = Number(new URL((await http.start()).url).port)
})

afterAll(async () => {
  await http.stop()
  await turbo.stop()
  await place.drop()
})

/** A running task, its log, and how it ends. */
async function runningTask() {
  const { tasks, queue, taskLog } = turbo.orchestrator
  const { taskId } = await tasks.create({ taskType: 'test', taskDescription: 'talk' })
  const { attemptId } = must((await queue.claim(WORKER))[0], 'a claimed task')
  let seq = 0
  return {
    taskId,
    async say(count: number) {
      const lines = Array.from({ length: count }, () => ({ seq: ++seq, kind: 'text' as const, body: `line ${seq}` }))
      await taskLog.append(attemptId, lines)
    },
    end: () => queue.finish({ attemptId, outcome: 'completed' }),
  }
}

describe('the log of a task over connections that break', () => {
  it('is told whole, in order and once', async () => {
    const task = await runningTask()
    await task.say(50)
    let proxy = await startProxy(port)
    const client = createClient({ url: `http://127.0.0.1:${proxy.port}` })
    const heard: number[] = []
    for await (const { seq } of client.followTaskLog({ taskId: task.taskId })) {
      heard.push(seq)
      // In the middle of what was sent, behind what was said, and where much was said meanwhile.
      if (![20, 50, 90].includes(seq)) continue
      const { port: where } = proxy
      proxy.stop()
      proxy = await startProxy(port, where)
      if (seq === 50) await task.say(70)
      if (seq === 90) await task.end()
    }
    proxy.stop()
    expect(heard).toEqual(Array.from({ length: 120 }, (_, index) => index + 1))
  })

  it('is left when its reader wants to, and given up when nobody answers', async () => {
    const task = await runningTask()
    await task.say(3)
    const client = createClient({ url: `http://127.0.0.1:${port}`, retriesMax: 0 })
    for await (const { seq } of client.followTaskLog({ taskId: task.taskId, cursor: '1.1' })) {
      expect(seq).toBe(2)
      break
    }
    const leaving = new AbortController()
    const reading = client.followTaskLog({ taskId: task.taskId, cursor: '1.2' }, { signal: leaving.signal })
    expect((await reading.next()).value).toMatchObject({ seq: 3, body: 'line 3' })
    const rest = reading.next()
    leaving.abort(new Error('enough'))
    await expect(rest).rejects.toThrow('enough')
    await expect(client.followTaskLog({ taskId: 'none' }).next()).rejects.toMatchObject({ code: 'not_found' })
    const nobody = createClient({ url: 'http://127.0.0.1:9', retriesMax: 1 })
    await expect(nobody.followTaskLog({ taskId: 'x' }).next()).rejects.toMatchObject({ code: 'unavailable' })
  })
})
