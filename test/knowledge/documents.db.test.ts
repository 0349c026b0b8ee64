import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listDocuments } from '../../src/knowledge/documents/listing.ts'
import type { DocumentInput, IngestedDocument } from '../../src/knowledge/index.ts'
import { idsOf, type TestKnowledge, testKnowledge } from '../harness/knowledge.ts'

let world: TestKnowledge

beforeAll(async () => {
  world = await testKnowledge()
})

afterAll(() => world.drop())

async function ingest(source: string, documents: DocumentInput[]): Promise<IngestedDocument[]> {
  return (await world.knowledge.ingest({ documents, source, project: 'docs', tags: ['manual'] })).documents
}

const page = (path: string, text: string): DocumentInput => ({ path, content: text })

describe('listDocuments', () => {
  it('gives current documents page by page, with the item of each', async () => {
    const stored = await ingest('listed', [page('1.md', 'Uno.'), page('2.md', 'Due.'), page('3.md', 'Tre.')])
    const first = await listDocuments(world.db, { project: 'docs', source: 'listed', limit: 2 })
    expect(first.documents.map(({ path, itemId }) => [path, itemId])).toEqual([
      ['1.md', stored[0]?.id],
      ['2.md', stored[1]?.id],
    ])
    expect(first.documents[0]).toMatchObject({
      project: 'docs',
      source: 'listed',
      mediaType: 'text/markdown',
      chunks: 1,
    })
    await world.knowledge.erase(stored[2]?.id ?? 0)
    const cursor = first.nextCursor ?? ''
    const rest = await listDocuments(world.db, { project: 'docs', source: 'listed', limit: 2, cursor })
    expect(rest).toMatchObject({ documents: [{ path: '3.md', itemId: null }], nextCursor: null })
    await world.knowledge.expireVanished({ source: 'listed', project: 'docs', keep: [] })
    expect((await listDocuments(world.db, { source: 'listed' })).documents).toEqual([])
  })
})

describe('ingest', () => {
  it('stores each document as an item of its path, found by words at once and by meaning later', async () => {
    const [stored] = await ingest('stored', [page('guide/vacuum.md', '# Vacuuming\n\nAutovacuum removes dead tuples.')])
    expect(stored).toEqual({ path: 'guide/vacuum.md', status: 'created', id: expect.any(Number), chunks: 1 })
    const { results } = await world.knowledge.query({ query: 'dead tuples', project: 'docs', mode: 'text' })
    expect(results[0]).toMatchObject({
      id: stored?.id,
      title: 'Vacuuming',
      knowledgeType: 'document',
      tags: ['manual'],
      source: { path: 'guide/vacuum.md' },
    })
    await world.settled()
    expect(await world.knowledge.get(stored?.id ?? 0)).toMatchObject({ embedding: 'ready', project: 'docs' })
  })

  it('leaves erased what was erased, until the document changes', async () => {
    const [kept, gone] = await ingest('erased', [page('a.md', 'Kept words.'), page('b.md', 'Erased words.')])
    await world.knowledge.erase(gone?.id ?? 0)
    expect(await ingest('erased', [page('a.md', 'Kept words.'), page('b.md', 'Erased words.')])).toEqual([
      { path: 'a.md', status: 'unchanged', id: kept?.id, chunks: 1 },
      { path: 'b.md', status: 'unchanged', id: null, chunks: 1 },
    ])
    expect(await idsOf(world.knowledge, { query: 'erased words', mode: 'text', project: 'docs' })).toEqual([kept?.id])
    const [again] = await ingest('erased', [page('b.md', 'Erased words, written anew.')])
    expect(again).toMatchObject({ status: 'updated', id: expect.any(Number) })
    // Vanished is not erased: what comes back is found again.
    await world.knowledge.expireVanished({ source: 'erased', project: 'docs', keep: [] })
    const [back] = await ingest('erased', [page('a.md', 'Kept words.')])
    expect(back?.id).toBeGreaterThan(again?.id ?? Number.POSITIVE_INFINITY)
  })

  it('skips what has not changed and supersedes what has', async () => {
    const first = await ingest('changing', [page('a.md', 'Alpha pages.'), page('b.md', 'Beta pages.')])
    const second = await ingest('changing', [page('a.md', 'Alpha pages.'), page('b.md', 'Beta pages, second edition.')])
    expect(second).toEqual([
      { ...first[0], status: 'unchanged' },
      { path: 'b.md', status: 'updated', id: expect.any(Number), chunks: 1 },
    ])
    const [old = 0, current = 0] = [first[1]?.id ?? 0, second[1]?.id ?? 0]
    expect(current).not.toBe(old)
    expect(await idsOf(world.knowledge, { query: 'beta', project: 'docs', mode: 'text' })).toEqual([current])
    expect(await world.knowledge.get(old)).toMatchObject({ supersededBy: current })
    const back = await ingest('changing', [page('b.md', 'Beta pages.')])
    expect(back).toMatchObject([{ status: 'updated' }])
    expect(back[0]?.id).not.toBe(old)
    const { items } = await world.knowledge.history(old)
    expect(items.map(({ kind }) => kind)).toEqual(['created', 'superseded', 'created', 'superseded', 'created'])
  })

  it('keeps the same text at two paths, and in two sources, apart', async () => {
    const text = 'Licence text that is everywhere.'
    const documents = [page('one/LICENSE', text), page('two/LICENSE', text)]
    const found = [...(await ingest('twins', documents)), ...(await ingest('twins-2', documents))]
    expect(found.map((document) => document.status)).toEqual(Array(4).fill('created'))
    expect(new Set(found.map((document) => document.id)).size).toBe(4)
    expect(await ingest('twins', documents)).toMatchObject([{ status: 'unchanged' }, { status: 'unchanged' }])
  })

  it('applies tags, scope and a title that changed while the text did not', async () => {
    const html = (title: string): DocumentInput => {
      return {
        path: 'p.html',
        content: `<html><head><title>${title}</title></head><body><p>Heap pages.</p></body></html>`,
      }
    }
    const [first] = await ingest('retold', [html('Before')])
    const again = { documents: [html('Before')], source: 'retold', project: 'docs', tags: ['other'], scope: 'team' }
    expect(await world.knowledge.ingest(again)).toMatchObject({ documents: [{ status: 'updated', id: first?.id }] })
    expect(await world.knowledge.get(first?.id ?? 0)).toMatchObject({ tags: ['other'], scope: 'team', title: 'Before' })
    expect(await world.knowledge.ingest(again)).toMatchObject({ documents: [{ status: 'unchanged' }] })
    const retitled = await world.knowledge.ingest({ ...again, documents: [html('Afterwards')] })
    expect(retitled).toMatchObject({ documents: [{ status: 'updated', id: first?.id }] })
    expect(await world.knowledge.get(first?.id ?? 0)).toMatchObject({ title: 'Afterwards', tags: ['other'] })
    expect(await idsOf(world.knowledge, { query: 'afterwards', mode: 'text', project: 'docs' })).toEqual([first?.id])
  })

  it('takes the last of several texts of one path', async () => {
    const found = await ingest('repeated', [page('x.md', 'one'), page('x.md', 'two'), page('x.md', 'two')])
    expect(found.map((document) => document.status)).toEqual(['created', 'updated', 'unchanged'])
    expect(found[2]?.id).toBe(found[1]?.id)
  })

  it('says what is wrong with a document and takes the others', async () => {
    const found = await ingest('partly', [
      page('good.md', 'Good text.'),
      page('empty.md', ' \n '),
      { path: 'broken.txt', content: Uint8Array.of(0x66, 0xff, 0xfe, 0xfd, 0x00, 0x01) },
      page('fine.md', 'Fine text.'),
    ])
    expect(found.map((document) => document.status)).toEqual(['created', 'failed', 'failed', 'created'])
    expect(found[1]).toEqual({ path: 'empty.md', status: 'failed', id: null, chunks: 0, detail: expect.any(String) })
    expect(found[2]?.detail).toContain('broken.txt')
    expect(await ingest('partly', [page('empty.md', 'Now it says something.')])).toMatchObject([{ status: 'created' }])
  })

  it('reads HTML and cuts long pages into passages', async () => {
    const sections = Array.from(
      { length: 30 },
      (_, at) => `<h2>Chapter ${at}</h2><p>${`Topic${at} explained. `.repeat(60)}</p>`,
    )
    const html = `<html><head><title>Handbook</title></head><body><main><h1>Handbook</h1>${sections.join('')}</main></body></html>`
    const [stored] = await ingest('html', [{ path: 'book.html', content: html, mediaType: 'text/html' }])
    expect(stored?.chunks).toBeGreaterThan(10)
    await world.settled()
    const { results } = await world.knowledge.query({ query: 'topic17 explained', project: 'docs', limit: 1 })
    expect(results[0]).toMatchObject({ id: stored?.id, title: 'Handbook' })
    expect(results[0]?.passage).toContain('Topic17')
    expect(results[0]?.content).not.toContain('<h2>')
  })
})

describe('documents that vanished', () => {
  it('expire with their items, and come back when they are ingested again', async () => {
    const documents = [page('stay.md', 'Staying power.'), page('go.md', 'Going away.')]
    const [stay, go] = await ingest('vanishing', documents)
    await ingest('vanishing-too', documents)
    const expire = (keep: string[]) => world.knowledge.expireVanished({ source: 'vanishing', project: 'docs', keep })
    expect(await expire(['stay.md', 'new.md'])).toEqual({ expired: 1 })
    expect(await expire(['stay.md'])).toEqual({ expired: 0 })
    const found = await idsOf(world.knowledge, { query: 'staying going', project: 'docs', mode: 'text', limit: 10 })
    expect(found).toContain(stay?.id)
    expect(found).not.toContain(go?.id)
    expect(found).toHaveLength(3)
    const again = await ingest('vanishing', documents)
    expect(again).toMatchObject([{ status: 'unchanged', id: stay?.id }, { status: 'created' }])
    expect(await idsOf(world.knowledge, { query: 'going away', project: 'docs', mode: 'text' })).toContain(again[1]?.id)
  })
})

describe('sources', () => {
  it('are listed with their size and last change', async () => {
    await ingest('listed', [page('1.md', 'One.'), page('2.md', 'Two.')])
    await world.knowledge.ingest({ documents: [page('3.md', 'Three.')] })
    const { sources } = await world.knowledge.listSources({})
    expect(sources.find(({ source }) => source === 'listed')).toEqual({
      project: 'docs',
      source: 'listed',
      documents: 2,
      chunks: 2,
      lastUpdated: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    })
    expect(sources[0]).toMatchObject({ project: null, source: 'documents', documents: 1 })
    const own = await world.knowledge.listSources({ project: 'docs' })
    expect(own.sources.map(({ project }) => project)).not.toContain(null)
    await world.knowledge.expireVanished({ source: 'listed', project: 'docs', keep: ['2.md'] })
    const { sources: left } = await world.knowledge.listSources({ project: 'docs' })
    expect(left.find(({ source }) => source === 'listed')).toMatchObject({ documents: 1, chunks: 1 })
  })
})
