import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { embeddedPlace, type TestPlace } from '../harness/database.ts'
import { type StandIn, startStandIn } from '../knowledge/embedders/stand-ins.ts'
import { cli, type Outcome, type Served, serve } from './harness.ts'

/** Every command against one running server, which is found by its data folder. */
let place: TestPlace
let embedder: StandIn
let server: Served
let env: Record<string, string>
const folder = mkdtempSync(join(tmpdir(), 'agent-turbo-cli-'))

beforeAll(async () => {
  place = await embeddedPlace('migrated')
  embedder = await startStandIn('tei')
  env = {
    AGENT_TURBO_DATA: place.config.dataDir ?? '',
    AGENT_TURBO_EMBEDDER: 'tei',
    AGENT_TURBO_EMBEDDER_URL: embedder.url,
  }
  server = await serve(env)
})

afterAll(async () => {
  await server.stop()
  await embedder.stop()
  await place.drop()
  rmSync(folder, { recursive: true, force: true })
})

const run = (args: string[], input?: string): Promise<Outcome> => cli(args, { env, input })

async function succeed(args: string[], input?: string): Promise<Outcome> {
  const outcome = await run(args, input)
  expect(outcome, args.join(' ')).toMatchObject({ code: 0 })
  return outcome
}

function sourceFolder(name: string): string {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  return path
}

describe('knowledge', () => {
  test('is added, found, listed, shown and forgotten', async () => {
    const added = (
      await succeed(['add', 'The harbour has seven cranes', '--type', 'fact', '--tag', 'port', '--json'])
    ).json()
    expect(added).toMatchObject({ status: 'created', embedding: 'ready', chunks: 1 })
    const again = await succeed(['add', '--json', '-'], 'The harbour has seven cranes')
    expect(again.json()).toMatchObject({ id: added.id, status: 'duplicate' })

    const found = (await succeed(['query', 'how', 'many', 'cranes', '--type', 'fact', '--json'])).json()
    expect(found.results[0]).toMatchObject({ id: added.id, knowledge_type: 'fact', tags: ['port'] })
    const listed = (await succeed(['list', '--tag', 'port', '--json'])).json()
    expect(listed.items.map(({ id }: { id: number }) => id)).toEqual([added.id])

    expect((await succeed(['show', String(added.id), '--history'])).stdout).toMatch(
      /The harbour has seven cranes\n\nhistory\n.* created\n/,
    )
    expect((await succeed(['forget', String(added.id)])).stdout).toBe(`erased #${added.id}\n`)
    expect(await run(['show', String(added.id)])).toMatchObject({ code: 3, stdout: '' })
  })

  test('comes from a file, with all that is known of it', async () => {
    const path = join(folder, 'note.txt')
    writeFileSync(path, 'Lighthouses turn at night.\n')
    const options = ['--title', 'Light', '--project', 'sea', '--metadata', '{"aB":1}', '--source-url', 'http://x/']
    const { id } = (await succeed(['add', '--file', path, '--json', '--importance', '0.9', ...options])).json()
    expect((await succeed(['show', id, '--json'])).json()).toMatchObject({
      content: 'Lighthouses turn at night.\n',
      title: 'Light',
      project: 'sea',
      metadata: { aB: 1 },
      source: { url: 'http://x/' },
      importance: 0.9,
    })
  })

  test('that is expired keeps its history', async () => {
    const { id } = (await succeed(['add', 'This buoy is red', '--json'])).json()
    await succeed(['forget', String(id), '--keep-history'])
    expect((await succeed(['query', 'buoy', '--mode', 'text', '--json'])).json().results).toEqual([])
    expect((await succeed(['show', String(id)])).stdout).toContain('This buoy is red')
  })
})

describe('documents', () => {
  test('are ingested, skipped while unchanged, and expire when they vanish', async () => {
    const path = sourceFolder('handbook')
    writeFileSync(join(path, 'anchor.md'), '# Anchor\n\nDrop it slowly.')
    writeFileSync(join(path, 'sail.md'), '# Sail\n\nReef it early.')
    writeFileSync(join(path, 'logo.png'), 'png')
    const first = (await succeed(['ingest', path, '--project', 'boat', '--json'])).json()
    expect(first).toMatchObject({
      source: path,
      created: 2,
      failed: 0,
      expired: 0,
      skipped: { binary: 1 },
      backlog: 0,
    })

    writeFileSync(join(path, 'sail.md'), '# Sail\n\nReef it earlier.')
    rmSync(join(path, 'anchor.md'))
    const second = (await succeed(['ingest', path, '--project', 'boat', '--json'])).json()
    expect(second).toMatchObject({ created: 0, updated: 1, unchanged: 0, expired: 1 })
    const third = await succeed(['ingest', path, '--project', 'boat', '--no-wait'])
    expect(third.stdout).toBe(`${path}: 1 document (1 unchanged, 1 skipped as binary)\n`)

    const { results } = (await succeed(['query', 'anchor', '--project', 'boat', '--mode', 'text', '--json'])).json()
    expect(results).toEqual([])
    const { sources } = (await succeed(['sources', '--project', 'boat', '--json'])).json()
    expect(sources).toMatchObject([{ source: path, documents: 1 }])
    const { documents } = (await succeed(['documents', '--project', 'boat', '--json'])).json()
    expect(documents).toMatchObject([{ source: path, item_id: expect.any(Number) }])
  })

  test('stay when only some of a source are named, or when asked', async () => {
    const path = sourceFolder('partly')
    for (const name of ['one.md', 'two.md']) writeFileSync(join(path, name), `# ${name}\n\nAbout ${name}.`)
    await succeed(['ingest', path])
    expect((await succeed(['ingest', join(path, 'one.md'), '--source', path, '--json'])).json()).toMatchObject({
      expired: 0,
    })
    rmSync(join(path, 'two.md'))
    expect((await succeed(['ingest', path, '--keep-missing', '--json'])).json()).toMatchObject({ expired: 0 })
  })

  test('are not stored again where an ingest was killed', async () => {
    const path = sourceFolder('long')
    const count = 120
    for (let page = 0; page < count; page++) writeFileSync(join(path, `${page}.md`), `# Page ${page}\n\nText ${page}.`)
    const killed = await cli(['ingest', path, '--no-wait'], {
      env,
      onStart: async (child) => {
        while ((await storedIn(path)) === 0) expect(child.exitCode).toBeNull()
        child.kill('SIGKILL')
      },
    })
    expect(killed.stdout).toBe('')
    const again = (await succeed(['ingest', path, '--no-wait', '--json'])).json()
    expect(again.unchanged).toBeGreaterThan(0)
    expect(again.unchanged + again.created).toBe(count)
    expect(await storedIn(path)).toBe(count)
  })

  /** Documents of a source, asked from the server itself. */
  async function storedIn(source: string): Promise<number> {
    const response = await fetch(`${server.url}/v1/documents/sources`)
    const { sources } = (await response.json()) as { sources: { source: string; documents: number }[] }
    return sources.find((known) => known.source === source)?.documents ?? 0
  }

  test('that cannot be read are listed, and make the command fail', async () => {
    const path = sourceFolder('broken')
    writeFileSync(join(path, 'good.md'), '# Good\n\nText.')
    writeFileSync(join(path, 'bad.pdf'), 'no pdf at all')
    const { code, stdout } = await run(['ingest', path])
    expect(code).toBe(1)
    expect(stdout.startsWith(`${path}: 2 documents (1 new, 1 failed)\nfailed bad.pdf: `)).toBe(true)
  })
})

describe('export and import', () => {
  test('carry everything to another store', async () => {
    const texts = ['Tide tables are printed in May', 'Gulls nest on the pier']
    for (const text of texts)
      await succeed(['add', text, '--project', 'move', '--tag', 'coast', '--metadata', '{"n":1}'])
    const path = join(folder, 'move.ndjson')
    expect((await succeed(['export', '--project', 'move', '--output', path])).stdout).toBe(`wrote 2 items to ${path}\n`)
    const exported = (await succeed(['export', '--project', 'move'])).stdout

    const other = await embeddedPlace('migrated')
    const there = { ...env, AGENT_TURBO_DATA: other.config.dataDir ?? '' }
    const imported = await cli(['import', path, '--json'], { env: there })
    expect(imported.json()).toEqual({ lines: 2, created: 2, duplicate: 0, failed: 0, failures: [] })
    const again = await cli(['import', '-', '--json'], { env: there, input: exported })
    expect(again.json()).toMatchObject({ created: 0, duplicate: 2 })

    const back = (await cli(['export'], { env: there })).stdout
    const items = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    const told = ({ content, content_hash, tags, project, scope }: Record<string, unknown>) => ({
      content,
      content_hash,
      tags,
      project,
      scope,
    })
    const byContent = (a: { content: string }, b: { content: string }) => (a.content < b.content ? -1 : 1)
    expect(
      items(back)
        .map(told)
        .sort(byContent as never),
    ).toEqual(
      items(exported)
        .map(told)
        .sort(byContent as never),
    )
    const [before] = items(exported)
    const after = items(back).find(({ content }) => content === before.content)
    expect(after.metadata).toMatchObject({ n: 1, imported: { id: before.id, created_at: before.created_at } })
    await other.drop()
  })

  test('name the lines that are bad, and take the others', async () => {
    const lines = 'nope\n{"content":""}\n\n{"content":"fine","titel":"x"}\n{"content":"A kept line"}\n'
    const { code, stdout } = await run(['import', '-'], lines)
    expect(code).toBe(1)
    expect(stdout).toMatch(
      /^4 lines: 1 created, 0 known already, 3 failed\nline 1 is not JSON\nline 2 content: .*\nline 4 titel: unknown field\n$/,
    )
  })
})

describe('the service', () => {
  test('shows its figures', async () => {
    const stats = (await succeed(['stats', '--json'])).json()
    expect(stats).toMatchObject({
      pending_items: expect.any(Number),
      space: { model: 'stand-in-model', dimensions: 16 },
    })
    expect((await succeed(['stats'])).stdout).toContain('stand-in-model (16 dimensions)')
  })

  test('makes keys, which open it, and revokes them', async () => {
    const made = await succeed(['keys', 'create', 'ci', '--scopes', 'read'])
    expect(made.stdout).toMatch(/^at_\w+\n$/)
    expect(made.stderr).toContain('shown only now')
    const key = made.stdout.trim()
    const withKey = (args: string[]) => cli([...args, '--url', server.url], { env: { AGENT_TURBO_API_KEY: key } })
    expect(await withKey(['list'])).toMatchObject({ code: 0 })
    expect(await withKey(['add', 'x'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('lacks the scope write'),
    })

    const { keys } = (await succeed(['keys', 'list', '--json'])).json()
    expect(keys[0]).toMatchObject({ name: 'ci', scopes: ['read'] })
    expect(JSON.stringify(keys)).not.toContain(key)
    await succeed(['keys', 'revoke', String(keys[0].id)])
    expect(await withKey(['list'])).toMatchObject({ code: 1 })
  })

  test('is examined without leaving anything behind', async () => {
    const before = (await succeed(['stats', '--json'])).json()
    const { ok, checks } = (await succeed(['doctor', '--json'])).json()
    expect(ok).toBe(true)
    const byName = Object.fromEntries(checks.map(({ name, status }: Record<string, string>) => [name, status]))
    expect(byName).toMatchObject({
      node: 'ok',
      lock: 'ok',
      server: 'ok',
      pgvector: 'skipped',
      embedder: 'ok',
      'add and query': 'ok',
      erase: 'ok',
    })
    const after = (await succeed(['stats', '--json'])).json()
    expect(after.items).toBe(before.items)
  })

  test('changes its model, and answers with the new one', async () => {
    const next = await startStandIn('openai', { model: 'next-model', dimensions: 24 })
    try {
      await succeed(['add', 'Ropes are coiled clockwise', '--project', 'model'])
      const used = await succeed([
        'embeddings',
        'use',
        'next-model',
        '--kind',
        'openai',
        '--embedder-url',
        next.url,
        '--json',
      ])
      expect(used.json()).toMatchObject({ reembedding: { model: 'next-model', phase: 'switched' } })
      const { spaces } = (await succeed(['embeddings', '--json'])).json()
      expect(spaces.find(({ active }: { active: boolean }) => active)).toMatchObject({
        model: 'next-model',
        dimensions: 24,
      })
      const found = (await succeed(['query', 'coiled ropes', '--project', 'model', '--json'])).json()
      expect(found.results[0].similarity).toEqual(expect.any(Number))

      const unsaid = await cli(['embeddings', 'use', 'some-model'], {
        env: { AGENT_TURBO_DATA: env.AGENT_TURBO_DATA ?? '' },
      })
      expect(unsaid).toMatchObject({ code: 2, stderr: expect.stringContaining('--kind') })
    } finally {
      await next.stop()
    }
  })
})

describe('bad input', () => {
  test.each([
    [['nonsense'], 2, 'unknown command'],
    [['list', '--limt', '3'], 2, 'Did you mean --limit?'],
    [['list', '--limit', 'many'], 2, 'Expected a whole number'],
    [['list', '--limit', '1000'], 2, 'limit: '],
    [['show'], 2, "missing required argument 'id'"],
    [['keys'], 2, 'agent-turbo keys --help'],
    [['add', 'x', '--file', 'y'], 2, 'Give one of them'],
    [['add', '--file', '/nowhere/at/all'], 2, 'ENOENT'],
    [['ingest', '/nowhere/at/all'], 3, 'there is no file or folder'],
    [['keys', 'create', 'x', '--scopes', 'everything'], 2, 'scopes'],
    [['list', '--url', 'http://127.0.0.1:2', '--data', 'x'], 2, 'two different stores'],
    [['forget', '999999'], 3, '999999'],
    [['list', '--url', 'http://127.0.0.1:2'], 5, 'cannot be reached'],
  ])('%j ends with %d and says %s', async (args, code, said) => {
    const outcome = await run(args)
    expect(outcome).toMatchObject({ code, stdout: '' })
    expect(outcome.stderr).toContain(said)
    expect(outcome.stderr).toMatch(/\nnext: /)
    expect(outcome.stderr).not.toMatch(/^\s+at /m)
  })

  test('is told to programs as one line of JSON', async () => {
    const outcome = await run(['list', '--limit', '1000', '--json'])
    expect(outcome).toMatchObject({ code: 2, stdout: '' })
    expect(JSON.parse(outcome.stderr)).toMatchObject({
      code: 'invalid_input',
      errors: [{ pointer: '/limit' }],
      exit_code: 2,
    })
  })
})

test('a wrong setting is named with the right one', async () => {
  const outcome = await cli(['list'], { env: { AGENT_TURBO_PRT: '1' } })
  expect(outcome).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean AGENT_TURBO_PORT?') })
})
