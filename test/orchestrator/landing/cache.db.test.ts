import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../../harness/knowledge.ts'
import { insertSession, insertTasks, type LandingWorld, landingWorld } from '../../harness/landing.ts'

let world: LandingWorld

beforeAll(async () => {
  world = await landingWorld()
  await world.knowledge.add({ content: 'The pool of orders holds ten connections' })
  await settled()
})

afterAll(() => world.drop())

/** Resolves when nothing that was written is still on its way to the caches: an answer then asks the store for nothing. */
function settled(process = world): Promise<void> {
  return eventually(async () => {
    await process.context()
    const before = process.statements()
    await process.context()
    expect(process.statements()).toBe(before)
  })
}

it('answers from memory, byte for byte, while nothing is written', async () => {
  await settled()
  const prompts = [await world.prompt(), await world.prompt()]
  const before = world.statements()
  const again = await world.prompt()
  expect(world.statements()).toBe(before)
  expect([...prompts, again]).toEqual([again, again, again])
  const fresh = await world.prompt({ fresh: true })
  expect(world.statements()).toBeGreaterThan(before)
  expect(fresh).toBe(again)
})

it('reads after a write the sections that it changed, and no others', async () => {
  await settled()
  await world.prompt()
  const before = world.statements()
  await world.orchestrator.nodes.putService({ name: 'queue' })
  const written = world.statements()
  expect(await world.prompt()).toContain('- queue, running')
  // The section, and the snapshot of the new answer; the write's own notification may make it be read once more.
  expect(world.statements() - written).toBeLessThanOrEqual(3)
  expect(written - before).toBe(1)
})

it('says its own writes at once', async () => {
  for (let i = 0; i < 20; i++) {
    await world.orchestrator.nodes.putNode({ name: `node-${i}` })
    expect((await world.context({ maxTokens: 5_000 })).systemNodes?.map(({ name }) => name)).toContain(`node-${i}`)
    await world.knowledge.add({ content: `lesson number ${i}`, importance: 1 })
    expect((await world.context()).relevantKnowledge?.[0]?.text).toBe(`lesson number ${i}`)
  }
})

it('hears of what is written by plain SQL', async () => {
  await settled()
  await insertSession(world.db, 'codex_executor_00000002')
  await eventually(async () => expect((await world.context()).activeSessions?.total).toBe(1), 1_000)
  await world.db.query(sql`update agent_sessions set status = 'completed', ended_at = now()`)
  await eventually(async () => expect((await world.context()).activeSessions?.total).toBe(0), 1_000)
  await insertTasks(world.db, { taskId: 'task_heard' })
  await eventually(async () => expect((await world.context()).openWork?.counts?.ready).toBe(1), 1_000)
  await world.db.query(sql`delete from system_nodes`)
  await eventually(async () => expect((await world.context()).systemNodes).toEqual([]), 1_000)
})

it('does not hear of what changes nothing: being seen, being active', async () => {
  await insertSession(world.db, 'codex_executor_00000003')
  await world.orchestrator.nodes.putNode({ name: 'seen' })
  await settled()
  const heard: string[] = []
  const unlisten = await world.db.listen('landing_changed', {
    onNotify: (payload) => heard.push(payload),
    onGap: () => undefined,
  })
  await world.db.query(sql`update agent_sessions set last_active = now(), tokens_used = 7`)
  await world.db.query(sql`update system_nodes set last_seen = now()`)
  await world.db.query(sql`update services set last_seen = now()`)
  await world.db.query(sql`select pg_notify('landing_changed', 'the end')`)
  await eventually(() => expect(heard).toContain('the end'))
  expect(heard).toEqual(['the end'])
  await unlisten()
})

it('makes one answer for all who ask at a time', async () => {
  await world.orchestrator.nodes.putNode({ name: 'shared' })
  const before = world.statements()
  const answers = await Promise.all(Array.from({ length: 50 }, () => world.context({ maxTokens: 700 })))
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  expect(world.statements() - before).toBeLessThan(25)
})

it('keeps the time of a content that comes to be again in another process', async () => {
  await settled()
  const prompt = await world.prompt()
  const peer = await world.peer()
  expect(await peer.prompt()).toBe(prompt)
  await peer.stop()
})

it('answers warm after a restart: from memory, with the same bytes', async () => {
  const presence = {
    url: 'http://127.0.0.1:8780',
    health: async () => ({ status: 'running' as const, detail: null }),
  }
  await world.orchestrator.announce(presence)
  await settled()
  const prompt = await world.prompt({ role: 'planner' })
  const context = await world.context()
  const peer = await world.peer()
  const warm = sql`select count(*) as kept from agent_context_cache where payload->>'role' = 'planner'`
  expect(await world.db.query(warm)).toEqual([{ kept: 1 }])
  await peer.orchestrator.announce(presence)
  const before = peer.statements()
  expect(await peer.prompt({ role: 'planner' })).toBe(prompt)
  expect(await peer.context()).toEqual(context)
  expect(peer.statements()).toBe(before)
  await peer.stop()
})

it('says after a restart what was written meanwhile', async () => {
  const stopped = await world.peer()
  await stopped.prompt({ role: 'validator' })
  await stopped.stop()
  await world.db.query(sql`insert into system_nodes (node_name) values ('while-away')`)
  const started = await world.peer()
  expect(await started.prompt({ role: 'validator' })).toContain('- while-away, active')
  await started.stop()
})

it('keeps no more snapshots than its bound, those asked for last', async () => {
  const { renewSnapshots } = await import('../../../src/orchestrator/landing/snapshot-queries.ts')
  await world.db.query(sql`
    insert into agent_context_cache (context_key, payload, expires_at)
    select 'landing:old' || n, '{"version": "x"}', now() + make_interval(secs => n) from generate_series(1, 1500) n`)
  await renewSnapshots(world.db, ['old1'])
  const [row] = await world.db.query<{ kept: number; first: number; figures: number }>(sql`
    select count(*) filter (where starts_with(context_key, 'landing:')) as kept,
      count(*) filter (where context_key = 'landing:old1') as first,
      count(*) filter (where context_key = 'database_stats') as figures from agent_context_cache`)
  expect(row).toEqual({ kept: 1_000, first: 1, figures: 1 })
})
