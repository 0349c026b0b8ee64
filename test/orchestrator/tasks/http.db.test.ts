import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLog } from '../../../src/base/log.ts'
import { createHttpServer } from '../../../src/http/index.ts'
import { createTurbo, type Turbo } from '../../../src/turbo.ts'
import { type TestPlace, testPlace } from '../../harness/database.ts'
import { fakeEmbedder } from '../../harness/embedder.ts'
import { LOCAL_CONFIG, type Reply, replyOf } from '../../http/harness.ts'

let place: TestPlace
let turbo: Turbo
let http: ReturnType<typeof createHttpServer>

beforeAll(async () => {
  place = await testPlace('migrated')
  const { url, dataDir } = place.config
  const log = createLog({ level: 'silent' })
  const database = { url, dataDir: dataDir ?? '', poolMin: 1, poolMax: 4, statementTimeoutMs: 10_000 }
  const embedder = { kind: undefined, url: undefined, model: undefined, apiKey: undefined, threads: undefined }
  turbo = await createTurbo({ database, embedder }, { log, embedder: fakeEmbedder() })
  http = createHttpServer({ turbo, config: LOCAL_CONFIG, log })
})

afterAll(async () => {
  await turbo.stop()
  await place.drop()
})

async function call(method: string, path: string, json?: object, headers: Record<string, string> = {}): Promise<Reply> {
  const body = json === undefined ? undefined : JSON.stringify(json)
  return replyOf(
    await http.app.request(path, { method, body, headers: { 'content-type': 'application/json', ...headers } }),
  )
}

const task = (fields: object = {}) => ({ task_type: 'analysis', task_description: 'look at it', ...fields })

describe('tasks over HTTP', () => {
  it('one request with an Idempotency-Key makes one task, another makes another', async () => {
    const key = { 'idempotency-key': '"a b"' }
    const [first, second] = [await call('POST', '/v1/tasks', task(), key), await call('POST', '/v1/tasks', task(), key)]
    expect([first.status, second.status, second.headers.get('idempotency-replayed')]).toEqual([201, 201, 'true'])
    expect(second.json).toEqual(first.json)
    // As after a process that died before it had kept the answer: the verb runs again, and finds what it made.
    const again = await turbo.orchestrator.tasks.create(
      { taskType: 'analysis', taskDescription: 'look at it' },
      'local\na b',
    )
    expect(again.taskId).toBe(first.json.task_id)
    expect((await call('POST', '/v1/tasks', task())).json.task_id).not.toBe(first.json.task_id)
  })

  it('a duplicate is answered with 200 and the task that is there', async () => {
    const first = await call('POST', '/v1/tasks', task({ dedupe_key: 'once' }))
    const second = await call('POST', '/v1/tasks', task({ dedupe_key: 'once' }))
    expect([first.status, second.status]).toEqual([201, 200])
    expect(second.json).toEqual({ ...first.json, duplicate: true })
  })

  it('a batch refers to its own ids, and what is wrong is named by pointer', async () => {
    const made = await call('POST', '/v1/tasks/batch', {
      tasks: [
        task({ task_id: 'test', dependencies: [{ task_id: 'build', after: 'end' }] }),
        task({ task_id: 'build' }),
      ],
    })
    expect([made.status, made.json]).toEqual([
      201,
      {
        tasks: [
          { task_id: 'test', status: 'blocked' },
          { task_id: 'build', status: 'pending' },
        ],
      },
    ])
    const ring = await call('POST', '/v1/tasks/batch', {
      tasks: [task({ task_id: 'x', depends_on_tasks: ['y'] }), task({ task_id: 'y', depends_on_tasks: ['x'] })],
    })
    expect([ring.status, ring.json.errors]).toEqual([
      400,
      [{ pointer: '/tasks/0/depends_on_tasks', detail: 'these tasks wait for each other: x -> y -> x' }],
    ])
  })

  it('what an agent reports moves its task, as the state table allows', async () => {
    const { task_id: id } = (await call('POST', '/v1/tasks', task())).json
    const path = `/v1/tasks/${id}`
    const output = { findings: [{ aB: 1, c_d: 2 }] }
    expect((await call('PATCH', path, { status: 'running', progress_percentage: 10 })).json.status).toBe('running')
    const done = await call('PATCH', path, { status: 'completed', output_data: output })
    expect(done.json).toMatchObject({ status: 'completed', progress_percentage: 100, output_data: output })
    const refused = await call('PATCH', path, { status: 'running' })
    expect([refused.status, refused.json.code]).toEqual([409, 'conflict'])
    expect(refused.json.next).toContain('pending, blocked')
    const read = await call('GET', path)
    expect((await call('GET', path, undefined, { 'if-none-match': read.headers.get('etag') ?? '' })).status).toBe(304)
  })
})
