import { TurboError } from '../../base/errors.ts'
import type { ChunkFormat } from '../text/chunk.ts'
import type { DocumentInput } from '../types.ts'
import { decodeText, htmlCharset } from './decode.ts'
import { readHtml } from './html.ts'
import { readMarkdown } from './markdown.ts'
import { type DocumentKind, kindOf, mediaTypeOf, parseMediaType } from './media-types.ts'
import { readPdf } from './pdf.ts'

/** Largest document, in bytes, or characters where it is given as text. */
export const DOCUMENT_BYTES_MAX = 20_000_000

/** Longest text of a document, in characters: what one knowledge item holds. */
export const TEXT_CHARS_MAX = 5_000_000

const TITLE_CHARS_MAX = 500

/** A document as text. */
export interface DocumentText {
  /** At most 500 characters, never empty: the document's own title, else its file name; its path for code. */
  title: string
  text: string
  mediaType: string
  /** How to chunk it. */
  format: ChunkFormat
}

/**
 * Reads a document for its media type: Markdown, plain text and code as they are, the main text of HTML as Markdown,
 * the text of PDF.
 *
 * @throws TurboError naming the path: `payload_too_large` above 20 MB or 5,000,000 characters of text,
 * `unsupported_media_type` for binary content and unknown types, `invalid_input` for damaged, badly encoded or empty
 * documents
 */
export async function readDocument({ path, content, mediaType: given }: DocumentInput): Promise<DocumentText> {
  if (content.length > DOCUMENT_BYTES_MAX)
    throw tooLarge(path, `${content.length} bytes`, `${DOCUMENT_BYTES_MAX} bytes`)
  const declared = parseMediaType(given)
  const mediaType = declared?.essence ?? mediaTypeOf(path, content)
  const kind = kindOf(path, mediaType)
  const { title, text } = await readKind(kind, path, content, declared?.charset).catch((cause: unknown) => {
    if (cause instanceof TurboError) throw cause
    // A library that stumbles over a document must not end the others.
    throw new TurboError('invalid_input', `${path}: the document cannot be read as ${mediaType}`, { cause })
  })
  if (text.trim() === '') {
    throw new TurboError('invalid_input', `${path}: the document holds no text`, {
      next: kind === 'pdf' ? 'Scanned pages hold pictures only: run text recognition first.' : undefined,
    })
  }
  if (text.length > TEXT_CHARS_MAX) throw tooLarge(path, `${text.length} characters of text`, `${TEXT_CHARS_MAX}`)
  return {
    title: shortened(title ?? (kind === 'code' ? path : nameOf(path))),
    text,
    mediaType,
    format: kind === 'code' ? 'code' : 'markdown',
  }
}

async function readKind(
  kind: DocumentKind,
  path: string,
  content: string | Uint8Array,
  charset: string | undefined,
): Promise<{ title: string | null; text: string }> {
  switch (kind) {
    case 'pdf':
      if (typeof content !== 'string') return readPdf(path, content)
      throw new TurboError('invalid_input', `${path}: a PDF must be given as bytes, not as text`)
    case 'html':
      return readHtml(path, decodeText(path, content, charset ?? htmlCharset(content)))
    case 'markdown':
      return readMarkdown(decodeText(path, content, charset))
    case 'code':
    case 'text':
      return { title: null, text: decodeText(path, content, charset) }
  }
}

/** The file's name without its extension; the path where that is empty. */
function nameOf(path: string): string {
  const name = path.split(/[\\/]/).at(-1) ?? ''
  return name.replace(/(?<=.)\.\w{1,10}$/, '') || path
}

function shortened(title: string): string {
  const line = title.replace(/\s+/g, ' ').trim()
  if (line.length <= TITLE_CHARS_MAX) return line
  return line.slice(0, TITLE_CHARS_MAX).replace(/\p{Surrogate}$/u, '')
}

function tooLarge(path: string, is: string, max: string): TurboError {
  return new TurboError('payload_too_large', `${path}: ${is}, at most ${max} are read`, { next: 'Split the document.' })
}
