import { createHash } from 'node:crypto'
import { isTurboError } from '../../base/errors.ts'
import type { Executor } from '../../db/executor.ts'
import type { AddContext } from '../store/add.ts'
import { findCurrent, type ItemRecord, insertItems, updateItem } from '../store/queries.ts'
import { lexicalOf, passagesOf } from '../text-index.ts'
import type { DocumentInput, IngestedDocument, IngestInput, PatchInput } from '../types.ts'
import { type DocumentRow, findDocuments, supersedeEarlier, upsertDocument } from './queries.ts'

/** Name of the collection where none is given. */
const DEFAULT_SOURCE = 'documents'

/**
 * Reads documents and stores each as one item: unchanged ones are skipped, changed ones supersede what they were; tags
 * and scope are those given last. What somebody erased or ended stays so until the document changes. Each document is
 * one transaction, so that a killed ingest goes on where it ended. Vectors are left to the backlog; the words are found
 * at once.
 */
export async function ingest(context: AddContext, input: IngestInput): Promise<{ documents: IngestedDocument[] }> {
  const { documents, source = DEFAULT_SOURCE, project = null } = input
  const known = new Map<string, KnownDocument>()
  const paths = documents.map((document) => document.path)
  for (const row of await findDocuments(context.db, project, source, paths)) known.set(row.path, row)

  const results: IngestedDocument[] = []
  try {
    for (const document of documents) {
      const { path } = document
      const before = known.get(path)
      const contentHash = hashOf(document)
      if (before?.contentHash === contentHash) {
        const { item, chunks } = before
        const changes = item && changesOf(item, input)
        const changed = item !== null && changes !== null && (await updateItem(context.db, item.id, changes, null))
        results.push({ path, status: changed ? 'updated' : 'unchanged', id: item?.id ?? null, chunks })
        known.set(path, { ...before, item: item && { ...item, ...changes } })
        continue
      }
      const { title, ...result } = await ingestOne(context, input, document, contentHash, before)
      results.push(result)
      // The same path may come again in this call.
      if (result.id !== null) {
        const { tags = [], scope = 'global' } = input
        known.set(path, { contentHash, chunks: result.chunks, item: { id: result.id, title, tags, scope } })
      }
    }
  } finally {
    if (results.some((result) => result.status !== 'unchanged')) context.onWrite()
  }
  return { documents: results }
}

/** What a document was when it was last read. */
type KnownDocument = Omit<DocumentRow, 'id' | 'path'>
type KnownItem = NonNullable<DocumentRow['item']>

async function ingestOne(
  context: AddContext,
  input: IngestInput,
  document: DocumentInput,
  bytesHash: string,
  known: KnownDocument | undefined,
): Promise<IngestedDocument & { title: string | null }> {
  const { path } = document
  try {
    const read = await context.reader.read(document, context.spaces.chunkLimits())
    const lexical = lexicalOf(read.title, read.text)
    const id = await context.db.transaction(async (tx) => {
      const identity = { project: input.project ?? null, source: input.source ?? DEFAULT_SOURCE, path }
      const { title, mediaType, chunks } = read
      const documentId = await upsertDocument(tx, identity, {
        title,
        mediaType,
        contentHash: bytesHash,
        chunks: chunks.length,
      })
      const record: ItemRecord = {
        content: read.text,
        contentHash: read.contentHash,
        title,
        knowledgeType: 'document',
        category: null,
        tags: input.tags ?? [],
        project: input.project ?? null,
        scope: input.scope ?? 'global',
        sourceSession: null,
        sourceTask: null,
        sourceAgent: null,
        sourceUrl: null,
        sourceCommit: null,
        documentId,
        importance: 0.5,
        expiresAt: null,
        metadata: {},
        lexicalText: lexical.text,
        identifiers: lexical.identifiers,
        chunks: passagesOf(read.text, chunks),
        vectors: null,
      }
      const [inserted] = await insertItems(tx, [record], null)
      const [current] = inserted ? [inserted] : await findCurrent(tx, [{ position: 0, record }])
      if (!current) return null
      if (!inserted && known?.item?.id === current.id) await retell(tx, known.item, input, title, lexical)
      await supersedeEarlier(tx, documentId, current.id)
      return current.id
    })
    return { path, status: known ? 'updated' : 'created', id, chunks: read.chunks.length, title: read.title }
  } catch (error) {
    // What is wrong with one document (unreadable, too large, refused by the database) does not end the others.
    if (!isTurboError(error, 'invalid_input', 'unsupported_media_type', 'payload_too_large', 'conflict')) throw error
    return { path, status: 'failed', id: null, chunks: 0, detail: error.message, title: null }
  }
}

/** Other bytes, the same text: the item stays, what is said about it may be another. */
async function retell(
  tx: Executor,
  known: KnownItem,
  input: IngestInput,
  title: string,
  lexical: ReturnType<typeof lexicalOf>,
): Promise<void> {
  const retitled = known.title !== title
  const changes: PatchInput = { ...changesOf(known, input), ...(retitled ? { title } : {}) }
  if (Object.keys(changes).length > 0) await updateItem(tx, known.id, changes, retitled ? lexical : null)
}

/** The tags and scope that are given and differ from the item's; null where none do. */
function changesOf(
  { tags, scope }: KnownItem,
  { tags: newTags = tags, scope: newScope = scope }: IngestInput,
): (PatchInput & Partial<Pick<KnownItem, 'tags' | 'scope'>>) | null {
  const retagged = JSON.stringify(tags) !== JSON.stringify(newTags)
  const moved = scope !== newScope
  if (!retagged && !moved) return null
  return { ...(retagged ? { tags: newTags } : {}), ...(moved ? { scope: newScope } : {}) }
}

function hashOf({ content, mediaType }: DocumentInput): string {
  return createHash('sha256')
    .update(mediaType ?? '')
    .update('\n')
    .update(content)
    .digest('hex')
}
