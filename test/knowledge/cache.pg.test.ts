import { sql } from 'drizzle-orm'
import { expect, inject, it } from 'vitest'
import { eventually, testKnowledge } from '../harness/knowledge.ts'
import { databaseUrl, withClient } from '../harness/templates.ts'

/** Below the five seconds of the design's invariant 5, and below the trust in answers while notifications arrive. */
const STALE_MS_MAX = 4_000

it('a write of another process is seen within five seconds while notifications are cut', async () => {
  const world = await testKnowledge()
  const peer = await world.peer()
  await world.addAll('signal fires on the hills')
  await world.settled()
  const ask = () => world.knowledge.query({ query: 'signal', mode: 'text' })
  const [{ name } = { name: '' }] = await world.db.query<{ name: string }>(sql`select current_database() as name`)
  const administer = (statement: string) =>
    withClient(databaseUrl(inject('serverUrl'), 'postgres'), (client) => client.query(statement))
  const listening = sql`select pid from pg_stat_activity where datname = current_database()
    and application_name like '%listen%'`
  expect((await world.db.query(listening)).length).toBeGreaterThan(0)
  // No new connection is let in: the listeners that are ended below cannot come back.
  await administer(`alter database ${name} with allow_connections false`)
  await world.db.query(sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name like '%listen%'`)
  await eventually(async () => expect(await world.db.query(listening)).toEqual([]))
  await ask()
  await peer.db.query(sql`update agent_knowledge set valid_to = now()`)
  const written = performance.now()
  const stale = await ask()
  expect(stale).toMatchObject({ cached: true, results: [expect.anything()] })
  await eventually(async () => expect((await ask()).results).toEqual([]))
  expect(performance.now() - written).toBeLessThan(STALE_MS_MAX)

  await administer(`alter database ${name} with allow_connections true`)
  await eventually(async () => expect((await world.db.query(listening)).length).toBe(2))
  await world.drop()
})
