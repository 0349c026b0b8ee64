import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HistoryItem, Land } from '../../../src/orchestrator/index.ts'
import { IDLE_AFTER_SECONDS, markIdleSessions } from '../../../src/orchestrator/sessions/sessions.ts'
import { NEXT_STATUSES, SESSION_STATUSES } from '../../../src/orchestrator/sessions/states.ts'
import { type TestRecord, testRecord } from '../../harness/record.ts'

const landed: Parameters<Land>[0][] = []
const context = { recent_tasks: [], system_nodes: [{ node_name: 'a', aB: 1 }] }
const written = new Map<string, HistoryItem[]>()

let record: TestRecord

beforeAll(async () => {
  record = await testRecord({
    land: async (request) => {
      landed.push(request)
      return { context, version: 'v7', tokens: 12 }
    },
    writtenKnowledge: async (sessionId, { limit, cursor }) => {
      const from = Number(cursor ?? 0)
      const items = written.get(sessionId) ?? []
      const nextCursor = items.length > from + limit ? String(from + limit) : null
      return { items: items.slice(from, from + limit), nextCursor }
    },
  })
})

afterAll(() => record.drop())

const create = (fields: object = {}, request?: string) =>
  record.sessions.create({ agentPlatform: 'codex', agentRole: 'developer', ...fields }, request)

const statusOf = async (sessionId: string) => (await record.sessions.get(sessionId)).status

/** Puts a session's last activity into the past. */
async function quiet(sessionId: string, seconds: number): Promise<void> {
  await record.db.query(sql`
    update agent_sessions set last_active = now() - make_interval(secs => ${seconds}) where session_id = ${sessionId}`)
}

async function secondsQuiet(sessionId: string): Promise<number> {
  const [row] = await record.db.query<{ seconds: number }>(sql`
    select extract(epoch from clock_timestamp() - last_active)::float8 as seconds
    from agent_sessions where session_id = ${sessionId}`)
  return row?.seconds ?? Number.NaN
}

describe('a new session', () => {
  test('has an id by platform and role, and begins with the landing context for its role', async () => {
    const parent = await create()
    const given = {
      parentSessionId: parent.sessionId,
      project: 'shop',
      goal: 'a pool',
      title: 'Pool',
      metadata: { a: 1 },
    }
    const session = await create({ agentPlatform: 'claude_code', agentRole: 'planner', ...given })
    expect(session).toMatchObject({
      ...given,
      status: 'active',
      landingContext: context,
      landingContextVersion: 'v7',
      tokensUsed: 0,
      costUsd: 0,
      endedAt: null,
    })
    expect(session.sessionId).toMatch(/^claude_code_planner_[0-9a-f]{8}$/)
    expect(landed.at(-1)).toEqual({ project: 'shop', role: 'planner', goal: 'a pool', maxTokens: 2_000 })
    expect(await record.sessions.get(session.sessionId)).toEqual(session)
  })

  test('may have any platform and role, and a budget of its own', async () => {
    const session = await create({ agentPlatform: 'my.bot-2', agentRole: 'Reviewer', maxTokens: 321 })
    expect(session.sessionId).toMatch(/^my\.bot-2_Reviewer_[0-9a-f]{8}$/)
    expect(landed.at(-1)?.maxTokens).toBe(321)
  })

  test.each([
    ['agentPlatform', 'claude-code', 'claude_code'],
    ['agentPlatform', 'Codex', 'codex'],
    ['agentPlatform', 'gemnii', 'gemini'],
    ['agentRole', 'executer', 'executor'],
    ['agentRole', 'planners', 'planner'],
  ])('whose %s is %s is asked whether %s was meant, until the name is confirmed', async (field, name, known) => {
    const refusal = { code: 'invalid_input', next: expect.stringContaining(known) }
    await expect(create({ [field]: name })).rejects.toMatchObject(refusal)
    await create({ [field]: name, confirmNames: true })
    await expect(create({ [field]: name })).resolves.toMatchObject({ [field]: name })
  })

  test('of an unknown parent is refused by field', async () => {
    await expect(create({ parentSessionId: 'nobody' })).rejects.toMatchObject({
      code: 'invalid_input',
      errors: [{ pointer: '/parent_session_id', detail: 'no session has this id' }],
    })
  })

  test('that is asked for again by the same request is made once', async () => {
    const first = await create({ goal: 'once' }, 'key:1 abc')
    expect(await create({ goal: 'once' }, 'key:1 abc')).toEqual(first)
    expect((await create({ goal: 'once' }, 'key:2 abc')).sessionId).not.toBe(first.sessionId)
    // Somebody else has the id: the request goes on to its next one, each time.
    const other = await create({ goal: 'another' }, 'key:1 abc')
    expect(other.sessionId).not.toBe(first.sessionId)
    expect(await create({ goal: 'another' }, 'key:1 abc')).toEqual(other)
  })
})

describe('the statuses', () => {
  const pairs = SESSION_STATUSES.flatMap((from) => SESSION_STATUSES.map((to) => [from, to] as const))

  test.each(pairs)('%s to %s: as the table says', async (from, to) => {
    const { sessionId } = await create()
    await record.db.query(sql`update agent_sessions set status = ${from} where session_id = ${sessionId}`)
    const change = record.sessions.patch(sessionId, { status: to })
    if (from === to || NEXT_STATUSES[from].includes(to)) {
      const ended = to === 'completed' || to === 'failed'
      await expect(change).resolves.toMatchObject({ status: to, endedAt: ended ? expect.any(String) : null })
    } else {
      await expect(change).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(from) })
      expect(await statusOf(sessionId)).toBe(from)
    }
  })

  test('a change says what it was asked to say, and wakes an idle session', async () => {
    const { sessionId } = await create()
    await record.sessions.patch(sessionId, { status: 'idle' })
    const said = {
      title: 'T',
      goal: 'G',
      project: 'P',
      tokensUsed: 12_345_678_901,
      costUsd: 1.25,
      metadata: { b: [1] },
    }
    expect(await record.sessions.patch(sessionId, said)).toMatchObject({ ...said, status: 'active' })
    await expect(record.sessions.patch('nobody', { title: 'x' })).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('delegation', () => {
  test('makes a tree: a circle is refused, by plain SQL too', async () => {
    const top = await create()
    const middle = await create({ parentSessionId: top.sessionId })
    const leaf = await create({ parentSessionId: middle.sessionId })
    const circle = sql`update agent_sessions set parent_session_id = ${leaf.sessionId} where session_id = ${top.sessionId}`
    const refused = { code: 'invalid_input', message: expect.stringContaining('agent_sessions') }
    await expect(record.db.query(circle)).rejects.toMatchObject(refused)
    const both = sql`
      insert into agent_sessions (session_id, agent_platform, agent_role, parent_session_id)
      values ('round', 'a', 'b', 'about'), ('about', 'a', 'b', 'round')`
    await expect(record.db.query(both)).rejects.toMatchObject(refused)
    const moved = sql`update agent_sessions set parent_session_id = ${top.sessionId} where session_id = ${leaf.sessionId}`
    await record.db.query(moved)
    expect((await record.sessions.list({ parentSessionId: top.sessionId })).sessions).toHaveLength(2)
  })
})

describe('activity', () => {
  const acts: Record<string, (sessionId: string, text: string) => Promise<unknown>> = {
    'an action': (sessionId) => record.audit.log({ sessionId, actionType: 'command' }),
    'an action by plain SQL': (sessionId) =>
      record.db.query(sql`insert into agent_actions (session_id, action_type) values (${sessionId}, 'command')`),
    'a piece of conversation': (sessionId) =>
      record.conversation.append(sessionId, { content: 'hello', format: 'dialogue' }),
    'an artifact': (sessionId) =>
      record.artifacts.add({ sessionId, artifactType: 'log', name: 'a', format: 'text', content: 'x' }),
    'knowledge it wrote': (sessionId, text) =>
      record.db.query(sql`
        insert into agent_knowledge (content, content_hash, source_session)
        values (${text}, encode(sha256(convert_to(${`${sessionId} ${text}`}, 'UTF8')), 'hex'), ${sessionId})`),
    'a change of it': (sessionId) => record.sessions.patch(sessionId, { title: 'x' }),
  }

  test.each(Object.keys(acts))('%s keeps last_active and wakes an idle session', async (name) => {
    const { sessionId } = await create()
    await quiet(sessionId, 100)
    await acts[name]?.(sessionId, 'first')
    expect(await secondsQuiet(sessionId)).toBeLessThan(50)
    await quiet(sessionId, IDLE_AFTER_SECONDS + 10)
    await markIdleSessions(record.db)
    expect(await statusOf(sessionId)).toBe('idle')
    await acts[name]?.(sessionId, 'second')
    expect(await statusOf(sessionId)).toBe('active')
  })

  test('that follows within five seconds writes nothing', async () => {
    const { sessionId, lastActive } = await create()
    await record.audit.log({ sessionId, actionType: 'command' })
    expect((await record.sessions.get(sessionId)).lastActive).toBe(lastActive)
  })

  test('a quiet session is idle after fifteen minutes, not before; a paused one stays paused', async () => {
    const [quietest, early, paused] = [await create(), await create(), await create()]
    await quiet(quietest.sessionId, IDLE_AFTER_SECONDS + 1)
    await quiet(early.sessionId, IDLE_AFTER_SECONDS - 60)
    await record.sessions.patch(paused.sessionId, { status: 'paused' })
    await quiet(paused.sessionId, IDLE_AFTER_SECONDS + 1)
    expect(await markIdleSessions(record.db)).toBe(false)
    expect(await Promise.all([quietest, early, paused].map(({ sessionId }) => statusOf(sessionId)))).toEqual([
      'idle',
      'active',
      'paused',
    ])
  })

  test('of a session that has ended changes nothing of it', async () => {
    const { sessionId } = await create()
    await record.sessions.patch(sessionId, { status: 'completed' })
    await quiet(sessionId, 100)
    await record.audit.log({ sessionId, actionType: 'afterwards' })
    expect(await secondsQuiet(sessionId)).toBeGreaterThan(50)
    expect(await statusOf(sessionId)).toBe('completed')
  })
})

test('the list is filtered and paged, newest first', async () => {
  const project = 'listed'
  const made: string[] = []
  for (let i = 0; i < 5; i++) {
    const agentRole = i % 2 === 0 ? 'auditor' : 'validator'
    made.unshift((await create({ project, agentRole })).sessionId)
  }
  await record.sessions.patch(made[0] ?? '', { status: 'completed' })
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await record.sessions.list({ project, limit: 2, cursor })
    seen.push(...page.sessions.map(({ sessionId }) => sessionId))
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  expect(seen).toEqual(made)
  const count = async (filter: object) => (await record.sessions.list({ project, ...filter })).sessions.length
  expect(await count({ agentRole: 'auditor' })).toBe(3)
  expect(await count({ status: 'completed' })).toBe(1)
  expect(await count({ agentPlatform: 'gemini' })).toBe(0)
  const third = await record.sessions.get(made[2] ?? '')
  expect(await count({ since: third.createdAt })).toBe(3)
  await expect(record.sessions.list({ cursor: 'bm9uc2Vuc2U' })).rejects.toMatchObject({ code: 'invalid_input' })
})

describe('history', () => {
  test('holds what happened, newest first, each list to its limit, and goes on in those that have more', async () => {
    const { sessionId } = await create()
    for (let i = 1; i <= 5; i++) {
      await record.audit.log({ sessionId, actionType: `action ${i}`, inputData: { left: 'out' } })
      await record.db.query(sql`
        insert into agent_tasks (task_id, session_id, task_type, task_description)
        values (${`${sessionId}_${i}`}, ${sessionId}, 'analysis', ${'d'.repeat(600)})`)
    }
    for (let i = 1; i <= 3; i++) {
      await record.conversation.append(sessionId, { chunkId: `c${i}`, content: 'x'.repeat(3_000), format: 'dialogue' })
    }
    await record.artifacts.add({ sessionId, artifactType: 'log', name: 'a.log', format: 'text', content: 'x' })
    const item = (id: number) => ({ id, title: null, knowledgeType: 'fact', content: 'c', createdAt: 'now' })
    written.set(sessionId, [item(3), item(2), item(1)])

    const first = await record.sessions.history(sessionId, { limit: 2 })
    expect(first.session).toMatchObject({ sessionId, status: 'active' })
    expect(first.session).not.toHaveProperty('landingContext')
    expect(first.tasks.map(({ taskId }) => taskId)).toEqual([`${sessionId}_5`, `${sessionId}_4`])
    expect(first.tasks[0]?.taskDescription).toHaveLength(500)
    expect(first.conversation.map(({ chunkId, contentChars }) => [chunkId, contentChars])).toEqual([
      ['c3', 3_000],
      ['c2', 3_000],
    ])
    expect(first.conversation[0]?.content).toHaveLength(2_000)
    expect(first.artifacts).toHaveLength(1)
    expect(first.knowledge.map(({ id }) => id)).toEqual([3, 2])

    const pages = [first]
    for (let page = first; page.nextCursor !== null; pages.push(page)) {
      page = await record.sessions.history(sessionId, { limit: 2, cursor: page.nextCursor })
    }
    const all = <T>(pick: (page: typeof first) => T[]) => pages.flatMap(pick)
    expect(all((page) => page.tasks)).toHaveLength(5)
    expect(all((page) => page.conversation)).toHaveLength(3)
    expect(all((page) => page.artifacts)).toHaveLength(1)
    expect(all((page) => page.knowledge)).toHaveLength(3)
    const seqs = all((page) => page.actions).map(({ seq }) => seq)
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => seqs.length - index))
    // Created, five actions, three pieces of conversation, an artifact, and what tasks put on the record.
    expect(seqs.length).toBeGreaterThanOrEqual(10)
  })

  test('of an unknown session, or behind a cursor of another list, is refused', async () => {
    const { sessionId } = await create()
    await expect(record.sessions.history('nobody', {})).rejects.toMatchObject({ code: 'not_found' })
    const { nextCursor } = await record.sessions.list({ limit: 1 })
    const cursor = nextCursor ?? ''
    await expect(record.sessions.history(sessionId, { cursor })).rejects.toMatchObject({ code: 'invalid_input' })
  })
})
