import { TurboError } from '../../base/errors.ts'

/** HTML says its encoding within its first 1024 bytes (HTML Standard, "prescan a byte stream"). */
const PRESCAN_BYTES = 1024
const META_CHARSET =
  /<meta[^>]{0,300}?charset\s*=\s*["']?\s*([\w:.-]{1,40})|<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w:.-]{1,40})/i

/**
 * Text of a document's bytes: by byte order mark, else the charset given, else UTF-8. The mark is left out.
 *
 * @throws TurboError `unsupported_media_type` for binary content, `invalid_input` for bytes that are not text in
 * their encoding, or an unknown encoding; both name the path
 */
export function decodeText(path: string, content: string | Uint8Array, charset: string | undefined): string {
  if (typeof content === 'string') return checked(path, content.replace(/^\uFEFF/, ''))
  const label = markOf(content) ?? charset ?? 'utf-8'
  if (!label.startsWith('utf-16') && content.includes(0)) throw binary(path)
  const decoder = decoderOf(path, label)
  try {
    return checked(path, decoder.decode(content))
  } catch (cause) {
    if (cause instanceof TurboError) throw cause
    throw new TurboError('invalid_input', `${path}: the text is not valid ${decoder.encoding.toUpperCase()}`, {
      next: 'Convert the document to UTF-8.',
      cause,
    })
  }
}

/** The encoding that an HTML document names in its beginning. */
export function htmlCharset(content: string | Uint8Array): string | undefined {
  if (typeof content === 'string') return undefined
  const start = new TextDecoder('latin1').decode(content.subarray(0, PRESCAN_BYTES))
  const found = META_CHARSET.exec(start)
  const label = (found?.[1] ?? found?.[2])?.toLowerCase()
  // The prescan has just read it as ASCII: the HTML Standard takes such a UTF-16 for UTF-8.
  return label?.startsWith('utf-16') ? 'utf-8' : label
}

function markOf(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8'
  return undefined
}

function decoderOf(path: string, label: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(label, { fatal: true })
  } catch (cause) {
    throw new TurboError('invalid_input', `${path}: unknown text encoding ${JSON.stringify(label.slice(0, 40))}`, {
      next: 'Convert the document to UTF-8.',
      cause,
    })
  }
}

function checked(path: string, text: string): string {
  if (text.includes('\0')) throw binary(path)
  if (/\p{Surrogate}/u.test(text)) {
    throw new TurboError('invalid_input', `${path}: the text holds half a character (a lone surrogate)`)
  }
  return text
}

function binary(path: string): TurboError {
  return new TurboError('unsupported_media_type', `${path}: the content is binary (it holds NUL bytes), not text`, {
    next: 'Give Markdown, text, HTML, source code or PDF.',
  })
}
