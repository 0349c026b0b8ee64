import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BenchServer, startBenchServer } from '../../bench/server.ts'
import { type TestPlace, testPlace } from '../harness/database.ts'
import { fakeEmbedder } from '../harness/embedder.ts'

/** What a planner, an executor and an auditor do in one morning, over HTTP, from the first session to the last check. */
let place: TestPlace
let server: BenchServer

beforeAll(async () => {
  place = await testPlace('migrated')
  const { url, dataDir } = place.config
  server = await startBenchServer({ databaseUrl: url, dataDir, embedder: fakeEmbedder() })
})

afterAll(async () => {
  await server.stop()
  await place.drop()
})

interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: bodies are told apart by the assertions
  body: any
}

async function send(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') ?? false
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}

const landingKeys = [
  'active_services',
  'active_sessions',
  'database_stats',
  'documentation_sources',
  'errors',
  'generated_at',
  'limits',
  'open_work',
  'recent_failures',
  'recent_tasks',
  'relevant_knowledge',
  'system_nodes',
]

describe('a planner delegates, executors work, and the record tells', () => {
  let planner = ''
  let executor = ''

  it('begins with a landing context that holds what is known', async () => {
    await send('POST', '/v1/knowledge', {
      content: 'The pool of the orders service holds ten connections',
      project: 'shop',
      importance: 1,
    })
    await send('PUT', '/v1/nodes/alpha', { role: 'primary', facts: { os: 'Debian 12', ram_gb: 24 } })
    await send('PUT', '/v1/services/embedder', { node: 'alpha', status: 'running', port: 8765 })
    const { status, body } = await send('POST', '/v1/sessions', {
      agent_platform: 'claude_code',
      agent_role: 'planner',
      project: 'shop',
      goal: 'make the orders service faster',
    })
    expect(status).toBe(201)
    expect(body.session_id).toMatch(/^claude_code_planner_[0-9a-f]{8}$/)
    expect(Object.keys(body.landing_context)).toEqual(expect.arrayContaining(landingKeys))
    expect(JSON.stringify(body.landing_context.relevant_knowledge)).toContain('ten connections')
    expect(JSON.stringify(body.landing_context.system_nodes)).toContain('alpha')
    expect(JSON.stringify(body.landing_context.active_services)).toContain('embedder')
    expect(body.landing_context.errors).toEqual([])
    expect(typeof body.landing_context_version).toBe('string')
    planner = body.session_id
  })

  it('delegates a graph that is released step by step', async () => {
    const task = (taskId: string, dependsOn: string[] = []) => ({
      task_id: taskId,
      session_id: planner,
      task_type: 'code',
      task_description: `do ${taskId}`,
      assigned_to_role: 'executor',
      depends_on_tasks: dependsOn,
    })
    const graph = await send('POST', '/v1/tasks/batch', {
      tasks: [task('measure', ['pool']), task('pool'), task('report', ['measure'])],
    })
    expect(graph.status).toBe(201)
    const { body: waiting } = await send('GET', '/v1/tasks/measure')
    expect(waiting.status).toBe('blocked')
    expect(JSON.stringify(waiting.why_waiting)).toContain('pool')

    const child = await send('POST', '/v1/sessions', {
      agent_platform: 'codex',
      agent_role: 'executor',
      parent_session_id: planner,
      project: 'shop',
    })
    executor = child.body.session_id
    expect(JSON.stringify(child.body.landing_context.open_work)).toContain('pool')

    expect((await send('PATCH', '/v1/tasks/pool', { status: 'running', progress_percentage: 10 })).status).toBe(200)
    const done = await send('PATCH', '/v1/tasks/pool', { status: 'completed', output_data: { connections: 20 } })
    expect(done.body).toMatchObject({ status: 'completed', progress_percentage: 100, output_data: { connections: 20 } })
    expect((await send('GET', '/v1/tasks/measure')).body.status).toBe('pending')
    expect((await send('GET', '/v1/tasks/report')).body.status).toBe('blocked')
    const illegal = await send('PATCH', '/v1/tasks/report', { status: 'running' })
    expect(illegal.status).toBe(409)
    expect(illegal.body.detail).toContain('blocked')
  })

  it('keeps what agents did, without their secrets', async () => {
    const { status, body } = await send('POST', '/v1/actions', {
      session_id: executor,
      task_id: 'pool',
      action_type: 'command',
      action_description: 'raised the pool with token sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789',
      commands_executed: ['psql postgres://app:hunter22@db/orders -c "show pools"'],
      changed_files: ['config/pool.json'],
      execution_time_ms: 12.5,
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({ seq: expect.any(Number), hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
    const { body: history } = await send('GET', `/v1/sessions/${executor}/history`)
    expect(history.session.session_id).toBe(executor)
    expect(history.actions[0]).toMatchObject({ action_type: 'command', task_id: 'pool' })
    const kept = JSON.stringify((await send('GET', `/v1/actions?session_id=${executor}`)).body)
    expect(kept).toContain('config/pool.json')
    expect(kept).not.toContain('hunter22')
    expect(kept).not.toContain('abcdefghijklmnop')
  })

  it('shows the state of work to whoever asks, and 304 while it is the same', async () => {
    const first = await send('GET', '/v1/landing-context?project=shop&role=planner')
    expect(JSON.stringify(first.body.recent_tasks)).toContain('pool')
    const again = await send('GET', '/v1/landing-context?project=shop&role=planner', undefined, {
      'if-none-match': first.headers.get('etag') ?? '',
    })
    expect(again.status).toBe(304)
    const prompt = await send('GET', '/v1/landing-context?project=shop&format=markdown&max_tokens=300')
    expect(JSON.stringify(prompt.body)).toContain('measure')
  })

  it('ends sessions, and has every status change on the record', async () => {
    expect((await send('PATCH', `/v1/sessions/${executor}`, { status: 'paused' })).body.status).toBe('paused')
    expect((await send('PATCH', `/v1/sessions/${executor}`, { status: 'active' })).body.status).toBe('active')
    expect((await send('PATCH', `/v1/sessions/${executor}`, { status: 'completed' })).body.status).toBe('completed')
    const rows = await server.turbo.store.query<{ actionType: string }>(
      sql`select action_type from agent_actions where session_id = ${executor} and action_type like 'session%' order by seq`,
    )
    expect(rows.map(({ actionType }) => actionType)).toEqual(['session_created', ...Array(3).fill('session_status')])
    const { body } = await send('GET', '/v1/audit/verify')
    expect(body).toMatchObject({ valid: true })
    expect(body.checked).toBeGreaterThan(8)
  })

  it('takes tasks by plain SQL like those of the verbs', async () => {
    const db = server.turbo.store
    await db.query(sql`insert into agent_tasks (task_id, task_type, task_description, depends_on_tasks)
      values ('by_hand', 'code', 'by hand', '{measure}')`)
    expect((await send('GET', '/v1/tasks/by_hand')).body.status).toBe('blocked')
    await db.query(sql`update agent_tasks set status = 'completed' where task_id = 'measure'`)
    expect((await send('GET', '/v1/tasks/by_hand')).body.status).toBe('pending')
    expect((await send('GET', '/v1/tasks/report')).body.status).toBe('pending')
  })
})
