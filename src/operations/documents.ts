import { z } from 'zod'
import { id, LIMITS, name, tags, text, words } from './fields.ts'
import { defineOperation } from './operation.ts'

/** Four characters a byte triple: what fits the reader's limit of 20 MB a document. */
const BASE64_CHARS_MAX = 28_000_000

const document = z
  .strictObject({
    path: words(LIMITS.pathCharsMax).describe('Path or URL, unique within the source.'),
    content: text(LIMITS.contentCharsMax * 4, 0)
      .optional()
      .describe('The document as text.'),
    content_base64: z
      .base64('must be base64')
      .max(BASE64_CHARS_MAX, `must have at most ${BASE64_CHARS_MAX} characters`)
      .optional()
      .describe('The document as bytes, for PDF and other encodings.'),
    media_type: name().optional().describe('Guessed from the path when absent.'),
  })
  .refine((given) => (given.content === undefined) !== (given.content_base64 === undefined), {
    error: 'exactly one of content and content_base64 is required',
    path: ['content'],
  })

export const ingestDocuments = defineOperation({
  name: 'ingestDocuments',
  summary:
    'Reads Markdown, text, HTML, code or PDF into knowledge. Unchanged documents are skipped, changed ones superseded.',
  scope: 'write',
  input: z.strictObject({
    documents: z
      .array(document)
      .min(1, 'must not be empty')
      .max(LIMITS.documentsMax, `must have at most ${LIMITS.documentsMax} documents`),
    project: name().optional(),
    source: name().optional().describe('Name of the collection, e.g. a folder. Default: documents.'),
    scope: name().optional(),
    tags: tags().optional(),
  }),
  output: z.strictObject({
    documents: z.array(
      z.strictObject({
        path: z.string(),
        status: z.enum(['created', 'updated', 'unchanged', 'failed']),
        id: z.int().nullable(),
        chunks: z.int(),
        detail: z.string().optional().describe('For failed: why.'),
      }),
    ),
  }),
  http: { method: 'POST', path: '/v1/documents', status: 200, largeBody: true },
  run: (turbo, { documents, ...rest }) =>
    turbo.knowledge.ingest({
      ...rest,
      documents: documents.map(({ path, mediaType, content, contentBase64 }) => ({
        path,
        mediaType,
        content: content ?? Buffer.from(contentBase64 ?? '', 'base64'),
      })),
    }),
})

export const listDocuments = defineOperation({
  name: 'listDocuments',
  summary: 'The documents that were ingested and are current, page by page, with the item that holds the text of each.',
  scope: 'read',
  input: z.strictObject({
    project: name().optional(),
    source: name().optional(),
    limit: z.int().min(1).max(LIMITS.pageItemsMax).default(50),
    cursor: text(LIMITS.nameCharsMax).optional().describe('next_cursor of the page before.'),
  }),
  output: z.strictObject({
    documents: z.array(
      z.strictObject({
        project: z.string().nullable(),
        source: z.string(),
        path: z.string(),
        title: z.string().nullable(),
        media_type: z.string(),
        chunks: z.int(),
        item_id: id().nullable().describe('null when the item was erased or has expired.'),
        updated_at: z.string(),
      }),
    ),
    next_cursor: z.string().nullable(),
  }),
  http: { method: 'GET', path: '/v1/documents', status: 200, etag: true },
  run: (turbo, input) => turbo.knowledge.listDocuments(input),
})

export const listDocumentationSources = defineOperation({
  name: 'listDocumentationSources',
  summary: 'The collections of documents that were ingested, with their sizes and last change.',
  scope: 'read',
  input: z.strictObject({ project: name().optional() }),
  output: z.strictObject({
    sources: z.array(
      z.strictObject({
        project: z.string().nullable(),
        source: z.string(),
        documents: z.int(),
        chunks: z.int(),
        last_updated: z.string(),
      }),
    ),
  }),
  http: { method: 'GET', path: '/v1/documents/sources', status: 200, etag: true },
  run: (turbo, input) => turbo.knowledge.listSources(input),
})

export const expireVanishedDocuments = defineOperation({
  name: 'expireVanishedDocuments',
  summary: 'Expires the documents of a source that are no longer among the given paths.',
  scope: 'write',
  input: z.strictObject({
    source: name(),
    project: name().optional(),
    keep: z
      .array(words(LIMITS.pathCharsMax))
      .max(LIMITS.keepPathsMax, `must have at most ${LIMITS.keepPathsMax} paths`)
      .describe('Paths that are still there; every other one expires.'),
  }),
  output: z.strictObject({ expired: z.int() }),
  http: { method: 'POST', path: '/v1/documents/expire', status: 200, largeBody: true },
  run: (turbo, input) => turbo.knowledge.expireVanished(input),
})
