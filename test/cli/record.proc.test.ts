import { expect, inject, test } from 'vitest'
import { postgresPlace, type TestPlace } from '../harness/database.ts'
import { withClient } from '../harness/templates.ts'
import { cli } from './harness.ts'

test('a session, an artifact and the audit trail on the command line', { timeout: 240_000 }, async () => {
  const place: TestPlace = await postgresPlace(inject('serverUrl'), 'template0')
  const url = place.config.url ?? ''
  const run = (args: string[], input?: string) => cli(args, { env: { DATABASE_URL: url }, input })

  const slip = await run(['session', 'start', 'claude-code', 'planner'])
  expect(slip.code).toBe(2)
  expect(slip.stderr).toContain('claude_code')
  const { session_id: id } = (await run(['session', 'start', 'codex', 'planner', '--goal', 'a pool', '--json'])).json()
  expect((await run(['session', 'pause', id])).stdout).toBe(`${id} is paused\n`)
  const added = await run(['artifact', 'add', '-', '--type', 'report', '--session', id, '--json'], '# Pool')
  const { artifact_id: artifact } = added.json()
  expect((await run(['artifact', 'show', artifact])).stdout).toBe('# Pool\n')
  const history = await run(['session', 'history', id])
  for (const word of ['a pool', 'paused', 'session_status', 'artifact_added', artifact]) {
    expect(history.stdout).toContain(word)
  }
  expect((await run(['audit', 'list', '--session', id])).stdout).toContain('active -> paused')
  expect(await run(['audit', 'verify'])).toMatchObject({ code: 0, stdout: expect.stringContaining('3 rows checked') })
  expect((await run(['audit', 'heads'])).stdout).toMatch(new RegExp(`^[0-9a-f]{64} {2}3 {2}${id}\n$`))

  await withClient(url, async (client) => {
    await client.query('set session_replication_role = replica')
    await client.query(`delete from agent_actions where seq = 2`)
  })
  const broken = await run(['audit', 'verify', '--json'])
  expect([broken.code, broken.json()]).toEqual([
    1,
    {
      valid: false,
      checked: 1,
      detached: 0,
      first_broken: { chain_id: id, session_id: id, seq: 2, action_id: null, reason: 'the row is missing' },
    },
  ])
  expect((await run(['audit', 'detach', '--before', '2020-01'])).code).toBe(4)
  await place.drop()
})
