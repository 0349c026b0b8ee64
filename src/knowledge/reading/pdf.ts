import { TurboError } from '../../base/errors.ts'

const PAGES_MAX = 5_000

/**
 * The text of a PDF, page by page, and the title its author gave it.
 *
 * @throws TurboError `invalid_input` where it is damaged, encrypted or too long
 */
export async function readPdf(path: string, content: Uint8Array): Promise<{ title: string | null; text: string }> {
  // 2 MB of code that only PDFs need.
  const { extractText, getDocumentProxy, getMeta } = await import('unpdf')
  // The library takes ownership of the buffer it is given.
  const pdf = await getDocumentProxy(Uint8Array.from(content), { verbosity: 0 }).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  try {
    if (pdf.numPages > PAGES_MAX) {
      throw new TurboError(
        'payload_too_large',
        `${path}: the PDF has ${pdf.numPages} pages, at most ${PAGES_MAX} are read`,
      )
    }
    const { text } = await extractText(pdf, { mergePages: false })
    const { info } = await getMeta(pdf)
    const title = typeof info.Title === 'string' ? clean(info.Title).trim() : ''
    return { title: title || null, text: clean(text.join('\n\n')) }
  } catch (cause) {
    throw cause instanceof TurboError ? cause : unreadable(path, cause)
  } finally {
    await pdf.destroy()
  }
}

/** Fonts without a Unicode table yield NUL and halves of characters. */
function clean(text: string): string {
  return text.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '\uFFFD')
}

function unreadable(path: string, cause: unknown): TurboError {
  const encrypted = cause instanceof Error && cause.name === 'PasswordException'
  return new TurboError('invalid_input', `${path}: the PDF ${encrypted ? 'is encrypted' : 'is damaged'}`, {
    next: encrypted ? 'Remove its password.' : 'Open and save it again with a PDF program.',
    cause,
  })
}
