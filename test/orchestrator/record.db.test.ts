import { createHash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestRecord, testRecord } from '../harness/record.ts'

let record: TestRecord

beforeAll(async () => {
  record = await testRecord()
})

afterAll(() => record.drop())

const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex')

describe('artifacts', () => {
  const report = { artifactType: 'report', name: 'pool.md', format: 'markdown', content: '# Pool\nzehn für alle' }

  test('are kept with their hash, which is on the audit trail', async () => {
    const sessionId = await record.session()
    await record.db.query(
      sql`insert into agent_tasks (task_id, task_type, task_description) values ('task_1', 'analysis', 'x')`,
    )
    const added = await record.artifacts.add({ ...report, sessionId, taskId: 'task_1', metadata: { a: 1 } })
    const { content, ...summary } = report
    expect(added).toMatchObject({ ...summary, sessionId, taskId: 'task_1', metadata: { a: 1 } })
    expect(added).toMatchObject({ contentHash: sha256(content), contentBytes: Buffer.byteLength(content) })
    expect(added.artifactId).toMatch(/^artifact_[0-9a-f]{12}$/)
    expect(await record.artifacts.get(added.artifactId)).toEqual({ ...added, content })
    const { actions } = await record.audit.list({ sessionId, actionType: 'artifact_added' })
    expect(actions[0]?.outputData).toEqual({
      artifact_id: added.artifactId,
      content_hash: added.contentHash,
      content_bytes: added.contentBytes,
    })
  })

  test('are listed by session and by task, newest first, without contents', async () => {
    const sessionId = await record.session()
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.unshift((await record.artifacts.add({ ...report, sessionId })).artifactId)
    const first = await record.artifacts.list({ sessionId, limit: 2 })
    expect(first.artifacts.map(({ artifactId }) => artifactId)).toEqual(ids.slice(0, 2))
    expect(first.artifacts[0]).not.toHaveProperty('content')
    const second = await record.artifacts.list({ sessionId, limit: 2, cursor: first.nextCursor ?? '' })
    expect(second).toMatchObject({ artifacts: [{ artifactId: ids[2] }], nextCursor: null })
    expect((await record.artifacts.list({ taskId: 'task_1' })).artifacts).toHaveLength(1)
  })

  test('of an unknown session or task, or too large, are refused by field', async () => {
    const refused = (pointer: string) => ({ code: 'invalid_input', errors: [{ pointer }] })
    await expect(record.artifacts.add({ ...report, sessionId: 'nobody' })).rejects.toMatchObject(refused('/session_id'))
    await expect(record.artifacts.add({ ...report, taskId: 'nothing' })).rejects.toMatchObject(refused('/task_id'))
    const large = { ...report, content: 'ü'.repeat(2_500_001) }
    await expect(record.artifacts.add(large)).rejects.toMatchObject(refused('/content'))
    await expect(record.artifacts.get('artifact_x')).rejects.toMatchObject({ code: 'not_found' })
  })

  test('of the same request are kept once', async () => {
    const first = await record.artifacts.add(report, 'key:1 abc')
    expect(await record.artifacts.add(report, 'key:1 abc')).toEqual(first)
    expect((await record.artifacts.add(report, 'key:2 abc')).artifactId).not.toBe(first.artifactId)
  })
})

describe('conversation', () => {
  test('is kept in pieces with what was found in them, oldest first', async () => {
    const sessionId = await record.session()
    const piece = {
      chunkId: 'intro',
      content: 'Let us use a pool.',
      format: 'transcript' as const,
      startTime: '2026-11-20T13:00:00Z',
      endTime: '2026-11-20T13:05:00Z',
      participants: ['ann', 'codex'],
      extractedItems: { decisions: ['a pool'], actionItems: ['size it'] },
      metadata: { a: 1 },
    }
    expect(await record.conversation.append(sessionId, piece)).toMatchObject({ status: 'created', chunkId: 'intro' })
    const named = await record.conversation.append(sessionId, { content: 'Ten will do.', format: 'dialogue' })
    expect(named.chunkId).toMatch(/^002_\d{6}$/)
    const { chunks, nextCursor } = await record.conversation.list(sessionId, {})
    expect(nextCursor).toBeNull()
    expect(chunks).toMatchObject([
      {
        ...piece,
        startTime: '2026-11-20T13:00:00.000000Z',
        endTime: '2026-11-20T13:05:00.000000Z',
        extractedItems: { ideas: [], decisions: ['a pool'], questions: [], actionItems: ['size it'] },
      },
      { chunkId: named.chunkId, participants: [] },
    ])
    const [stored] = await record.db.query(
      sql`select extracted_items -> 'action_items' as items from conversation_chunks where chunk_id = 'intro'`,
    )
    expect(stored).toEqual({ items: ['size it'] })
    const { actions } = await record.audit.list({ sessionId, actionType: 'conversation_added' })
    expect(actions.map(({ outputData }) => outputData?.content_hash)).toContain(sha256(piece.content))
  })

  test('takes the same piece twice as a duplicate, and another under its name as a conflict', async () => {
    const sessionId = await record.session()
    const piece = { chunkId: 'a', content: 'one', format: 'dialogue' as const }
    const first = await record.conversation.append(sessionId, piece)
    expect(await record.conversation.append(sessionId, piece)).toEqual({ ...first, status: 'duplicate' })
    const other = record.conversation.append(sessionId, { ...piece, content: 'two' })
    await expect(other).rejects.toMatchObject({ code: 'conflict' })
    const unnamed = { content: 'one', format: 'dialogue' as const }
    const request = await record.conversation.append(sessionId, unnamed, 'key:1 abc')
    const again = await record.conversation.append(sessionId, unnamed, 'key:1 abc')
    expect(again).toEqual({ ...request, status: 'duplicate' })
  })

  test('is paged, and a page of long pieces ends early', async () => {
    const sessionId = await record.session()
    const content = 'x'.repeat(1_500_000)
    for (let i = 1; i <= 4; i++) {
      await record.conversation.append(sessionId, { chunkId: `c${i}`, content, format: 'dialogue' })
    }
    const first = await record.conversation.list(sessionId, { limit: 3 })
    expect(first.chunks.map(({ chunkId }) => chunkId)).toEqual(['c1', 'c2'])
    const second = await record.conversation.list(sessionId, { limit: 3, cursor: first.nextCursor ?? '' })
    expect(second.chunks.map(({ chunkId }) => chunkId)).toEqual(['c3', 'c4'])
    expect(second.nextCursor).toBeNull()
  })

  test('belongs to a session that exists', async () => {
    const absent = { code: 'not_found' }
    const piece = { content: 'x', format: 'dialogue' as const }
    await expect(record.conversation.append('nobody', piece)).rejects.toMatchObject(absent)
    await expect(record.conversation.list('nobody', {})).rejects.toMatchObject(absent)
  })
})
