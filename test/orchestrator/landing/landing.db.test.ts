import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { toWire } from '../../../src/base/wire.ts'
import { countTokens } from '../../../src/knowledge/index.ts'
import { refusal } from '../../harness/knowledge.ts'
import { insertSession, insertTasks, type LandingWorld, landingWorld } from '../../harness/landing.ts'

/** Something of everything, for project `shop` and for none. */
async function furnish({ db, orchestrator, knowledge }: LandingWorld): Promise<void> {
  const facts = { os: 'Debian 12', cpu: 'Xeon', cores: 8, ram_gb: 32, gpus: ['A100'] }
  await orchestrator.nodes.putNode({ name: 'alpha', role: 'worker', facts })
  await orchestrator.nodes.putService({ name: 'postgres', node: 'alpha', type: 'database', port: 5432 })
  await knowledge.add({ content: 'The pool of orders holds ten connections', project: 'shop', importance: 0.9 })
  await knowledge.add({ content: 'Tea is ready at four' })
  await knowledge.add({ content: 'Never lock two rows in two orders', source: { task: 'task_f' }, project: 'shop' })
  await knowledge.ingest({ documents: [{ path: 'a.md', content: '# Alpha' }], project: 'shop', source: 'docs' })
  await insertTasks(
    db,
    { taskId: 'task_late', project: 'shop', priority: 4 },
    { taskId: 'task_next', project: 'shop' },
    { taskId: 'task_run', project: 'shop', status: 'running' },
    { taskId: 'task_wait', project: 'shop', status: 'blocked', waitsFor: ['task_next', 'task_run'] },
    { taskId: 'task_review', project: 'shop', status: 'blocked', metadata: { blocked_reason: 'review rejected' } },
    { taskId: 'task_f', project: 'shop', status: 'failed', error: 'deadlock detected' },
    { taskId: 'task_other', status: 'completed' },
  )
  await insertSession(db, 'codex_executor_00000001', 'shop')
  await db.query(sql`
    insert into agent_accounts (account_key, platform, paused_until, reason)
    values ('team', 'claude_code', now() + interval '1 hour', 'weekly limit'), ('old', 'codex', now(), 'over')`)
  orchestrator.landing.changed(['tasks', 'sessions', 'accounts'])
}

describe('of a furnished store', () => {
  let world: LandingWorld

  beforeAll(async () => {
    world = await landingWorld()
    await furnish(world)
  })

  afterAll(() => world.drop())

  it('says what is there for a project', async () => {
    const context = await world.context({ project: 'shop', maxTokens: 5_000 })
    expect(context.systemNodes).toEqual([
      { name: 'alpha', role: 'worker', status: 'active', machine: 'Debian 12, 8 x Xeon, 32 GB, A100' },
    ])
    expect(context.activeServices).toMatchObject([{ name: 'postgres', node: 'alpha', port: 5432, status: 'running' }])
    expect(context.documentationSources).toEqual([{ source: 'docs', project: 'shop', documents: 1 }])
    expect(context.relevantKnowledge?.map(({ text }) => text)).toEqual([
      'The pool of orders holds ten connections',
      'Never lock two rows in two orders',
      'Tea is ready at four',
    ])
    expect(context.openWork?.counts).toEqual({ running: 1, ready: 2, blocked: 2 })
    expect(context.openWork?.ready?.map(({ taskId }) => taskId)).toEqual(['task_next', 'task_late'])
    expect(context.openWork?.running).toMatchObject([{ taskId: 'task_run', type: 'analysis', priority: 5 }])
    expect(context.openWork?.blocked).toMatchObject([
      { taskId: 'task_wait', waitsFor: ['task_next', 'task_run'] },
      { taskId: 'task_review', reason: 'review rejected' },
    ])
    expect(context.recentFailures).toMatchObject([
      { taskId: 'task_f', error: 'deadlock detected', learned: [{ text: 'Never lock two rows in two orders' }] },
    ])
    expect(context.limits).toMatchObject([{ account: 'team', platform: 'claude_code', reason: 'weekly limit' }])
    expect(context.activeSessions).toMatchObject({ total: 1, sessions: [{ sessionId: 'codex_executor_00000001' }] })
    expect(context.recentTasks?.map(({ taskId }) => taskId)).not.toContain('task_other')
    expect(context.recentTasks).toHaveLength(6)
  })

  it('says nothing of other projects', async () => {
    const context = await world.context({ project: 'garden' })
    expect(context.openWork?.counts).toEqual({ running: 0, ready: 0, blocked: 0 })
    expect(context.activeSessions).toEqual({ total: 0, sessions: [] })
    expect([context.recentTasks, context.recentFailures, context.documentationSources]).toEqual([[], [], []])
    expect(context.relevantKnowledge?.map(({ text }) => text)).toEqual(['Tea is ready at four'])
    const everything = await world.context()
    expect(everything.openWork?.counts).toEqual({ running: 1, ready: 2, blocked: 2 })
    expect(everything.recentTasks).toHaveLength(7)
  })

  it('finds knowledge by the words of the goal', async () => {
    const first = async (goal: string) => (await world.context({ goal })).relevantKnowledge?.[0]?.text
    expect(await first('when is tea')).toBe('Tea is ready at four')
    expect(await first('how many connections has the pool')).toBe('The pool of orders holds ten connections')
  })

  it('is a prompt that says the same', async () => {
    const prompt = await world.prompt({ project: 'shop', maxTokens: 5_000 })
    expect(prompt.split('\n')).toEqual(
      expect.arrayContaining([
        '# Landing context',
        '## Open work: 1 running, 2 ready, 2 blocked',
        '- ready task_next, analysis, priority 5: "work of task_next"',
        '- blocked task_wait, analysis, priority 5: "work of task_wait"; waits for task_next, task_run',
        '- blocked task_review, analysis, priority 5: "work of task_review"; because "review rejected"',
        '- alpha, role worker, active, "Debian 12, 8 x Xeon, 32 GB, A100"',
        '- postgres, running, type database, port 5432, on alpha',
        '## Active sessions: 1',
        '- codex_executor_00000001, executor on codex, active, project shop',
      ]),
    )
    expect(prompt).toMatch(
      /task_f, analysis, failed 2\S+: "work of task_f"; error "deadlock detected"; learned #\d+ "Never/,
    )
    expect(prompt).toMatch(/\nAs of \S+Z$/)
  })

  it.each([50, 80, 130, 249, 250, 400, 1_000])('keeps a budget of %i tokens in both formats', async (maxTokens) => {
    const context = await world.context({ project: 'shop', maxTokens })
    expect(countTokens(JSON.stringify(toWire(context)))).toBeLessThanOrEqual(maxTokens)
    expect(countTokens(await world.prompt({ project: 'shop', maxTokens }))).toBeLessThanOrEqual(maxTokens)
    const { dropped } = context
    if (maxTokens < 400) expect(dropped?.lines).toBeGreaterThan(0)
    if (maxTokens === 1_000) expect(dropped).toBeUndefined()
  })

  it('names a section that cannot be read, and the rest stands', async () => {
    await world.db.query(sql`alter table services rename to hidden`)
    const context = await world.context({ project: 'shop', fresh: true })
    expect(context.errors).toEqual([{ section: 'active_services', code: 'internal' }])
    expect(context.activeServices).toEqual([])
    expect(context.systemNodes).toHaveLength(1)
    expect(await world.prompt({ project: 'shop', fresh: true })).toContain(
      '- active_services could not be read (internal)',
    )
    await world.db.query(sql`alter table hidden rename to services`)
    expect(await world.context({ project: 'shop', fresh: true })).toMatchObject({ errors: [], activeServices: [{}] })
  })
})

describe('of a store of its own', () => {
  let world: LandingWorld

  beforeEach(async () => {
    world = await landingWorld()
  })

  afterEach(() => world.drop())

  it('says of an empty store that it is empty, in every section', async () => {
    const context = await world.context()
    expect(context).toMatchObject({
      systemNodes: [],
      activeServices: [],
      documentationSources: [],
      relevantKnowledge: [],
      recentFailures: [],
      limits: [],
      openWork: { counts: { running: 0, ready: 0, blocked: 0 }, running: [], ready: [], blocked: [] },
      recentTasks: [],
      activeSessions: { total: 0, sessions: [] },
      databaseStats: { knowledgeItems: 0, tasks: 0, sessions: 0, actions: 0, totalSizeMb: expect.any(Number) },
      errors: [],
      generatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    })
    expect(context.databaseStats?.totalSizeMb).toBeGreaterThan(1)
    expect(context.dropped).toBeUndefined()
  })

  it('forgets what is erased, also what sessions were told of it', async () => {
    const { id } = await world.knowledge.add({
      content: 'the password of the staging host is hunter2',
      project: 'shop',
    })
    await world.knowledge.add({ content: 'the staging host has two disks', project: 'shop' })
    const asked = { project: 'shop', goal: 'staging host' }
    const made = await world.orchestrator.sessions.create({ agentPlatform: 'codex', agentRole: 'executor', ...asked })
    expect(JSON.stringify(made.landingContext)).toContain('hunter2')
    expect(await world.prompt(asked)).toContain('hunter2')
    await world.knowledge.erase(id)
    const [kept] = await world.db.query<{ text: string }>(sql`
      select coalesce((select string_agg(landing_context::text, '') from agent_sessions), '')
        || coalesce((select string_agg(payload::text, '') from agent_context_cache), '') as text`)
    expect(kept?.text).toContain('active_sessions')
    expect(kept?.text).not.toContain('hunter2')
    expect(await world.prompt(asked)).toContain('two disks')
  })

  it('fails when nothing can be read', async () => {
    await world.db.stop()
    expect(await refusal(world.context({ fresh: true }))).toMatchObject({ code: 'unavailable' })
  })

  it('shows a service as unknown that was not seen for long, and as running again when it is', async () => {
    await world.orchestrator.nodes.putService({ name: 'cache', type: 'cache' })
    await world.orchestrator.nodes.putService({ name: 'off', status: 'stopped' })
    await world.db.query(sql`update services set last_seen = now() - interval '2 minutes'`)
    const statuses = async () =>
      (await world.context({ fresh: true })).activeServices?.map(({ name, status }) => [name, status])
    expect(await statuses()).toEqual([['cache', 'unknown']])
    await world.orchestrator.nodes.putService({ name: 'cache' })
    expect(await statuses()).toEqual([['cache', 'running']])
  })

  it('measures the figures again when they are due, and keeps their time while they are the same', async () => {
    const due = sql`update agent_context_cache set expires_at = '2026-01-01Z' where context_key = 'database_stats'`
    const overdue = sql`select from agent_context_cache where context_key = 'database_stats' and expires_at < now()`
    const figures = async () => (await world.context({ fresh: true })).databaseStats
    /** A process that is asked for the first time looks whether figures are due. */
    const measure = async () => {
      await world.db.query(due)
      const peer = await world.peer()
      await peer.context()
      await peer.stop()
      expect(await world.db.query(overdue)).toEqual([])
    }
    const before = await figures()
    await world.knowledge.add({ content: 'one more' })
    expect((await figures())?.knowledgeItems).toBe(0)
    await measure()
    const after = await figures()
    expect(after?.knowledgeItems).toBe(1)
    expect(after?.measuredAt).not.toBe(before?.measuredAt)
    await measure()
    expect(await figures()).toEqual(after)
  })
})
