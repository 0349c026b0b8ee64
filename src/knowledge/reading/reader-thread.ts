import { parentPort } from 'node:worker_threads'
import { must } from '../../base/assert.ts'
import { isTurboError, messageOf } from '../../base/errors.ts'
import { chunkText } from '../text/chunk.ts'
import { contentHash } from '../text/normalize.ts'
import { readDocument } from './read-document.ts'
import type { ChunkSpan, ReaderAnswer, ReaderRequest } from './reader-protocol.ts'

/** The body of a reader thread: one request, one answer, in turn. */
const port = must(parentPort, 'the reader thread runs as a worker')

port.on('message', async (request: ReaderRequest) => {
  port.postMessage(await answer(request).catch(failure))
})

async function answer(request: ReaderRequest): Promise<ReaderAnswer> {
  if (request.kind === 'chunk') return { kind: 'chunk', spans: spansOf(chunkText(request.text, request.limits)) }
  const { format, ...document } = await readDocument(request.document)
  const spans = spansOf(chunkText(document.text, request.limits, format))
  return { kind: 'read', document: { ...document, contentHash: contentHash(document.text) }, spans }
}

function spansOf(chunks: ReturnType<typeof chunkText>): ChunkSpan[] {
  return chunks.map(({ text: _, ...span }) => span)
}

function failure(error: unknown): ReaderAnswer {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const stack = cause instanceof Error ? cause.stack : messageOf(cause)
  if (isTurboError(error)) return { kind: 'failed', code: error.code, message: error.message, next: error.next, stack }
  return { kind: 'failed', code: 'internal', message: 'a text could not be read', next: undefined, stack }
}
