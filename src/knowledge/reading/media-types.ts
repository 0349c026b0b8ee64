import { TurboError } from '../../base/errors.ts'

/** How a document is read. */
export type DocumentKind = 'markdown' | 'html' | 'pdf' | 'code' | 'text'

/** Media type of source code: there is no registered one for most languages. */
const CODE = 'text/x-source'

const KIND_OF_TYPE: Record<string, DocumentKind> = {
  'text/markdown': 'markdown',
  'text/x-markdown': 'markdown',
  'text/html': 'html',
  'application/xhtml+xml': 'html',
  'application/pdf': 'pdf',
  'application/json': 'code',
  'application/javascript': 'code',
  'application/typescript': 'code',
  'application/sql': 'code',
  'application/toml': 'code',
  'application/xml': 'code',
  'application/yaml': 'code',
  [CODE]: 'code',
}

const DOCUMENT_EXTENSIONS: Record<string, string> = {
  md: 'text/markdown',
  markdown: 'text/markdown',
  mdx: 'text/markdown',
  mdc: 'text/markdown',
  html: 'text/html',
  htm: 'text/html',
  xhtml: 'text/html',
  pdf: 'application/pdf',
  txt: 'text/plain',
  text: 'text/plain',
  rst: 'text/plain',
  adoc: 'text/plain',
  org: 'text/plain',
  log: 'text/plain',
}

const CODE_EXTENSIONS = new Set(
  `asm astro bash bat bzl c cc cfg clj cljs cmake conf cpp cr cs css csv cts cxx d dart diff el elm env erl ex exs f90
  fish fs fsx gd go gql gradle graphql groovy h hcl hh hpp hrl hs hxx ini ipynb java jl js json json5 jsonc jsonl jsx
  kt kts less lisp lua m make mjs ml mli mm mts nim nix patch php pl pm prisma properties proto ps1 py pyi r rb rkt rs
  sass scala scm scss sh sol sql svelte swift tcl tex tf toml ts tsv tsx v vb vim vue wat xml yaml yml zig zsh`.split(
    /\s+/,
  ),
)

const CODE_NAMES = new Set(['dockerfile', 'makefile', 'justfile', 'rakefile', 'gemfile', 'procfile', 'jenkinsfile'])

const PDF_SIGNATURE = '%PDF-'
const HTML_START = /^(?:\uFEFF|\s|<\?xml[^>]{0,200}>|<!--[\s\S]{0,500}?-->)*<(?:!doctype\s+html|html[\s>])/i
/** Enough of the beginning to tell a web page. */
const SNIFF_CHARS = 2_000

/** The document's media type, lower-case, without parameters: by its signature, its extension, its first characters. */
export function mediaTypeOf(path: string, content: string | Uint8Array): string {
  const start = beginning(content)
  if (start.startsWith(PDF_SIGNATURE)) return 'application/pdf'
  const isUrl = /^https?:\/\//i.test(path)
  const name = (isUrl ? path.replace(/[?#].*$/s, '') : path).split(/[\\/]/).at(-1)?.toLowerCase() ?? ''
  const extension = name.includes('.') ? name.slice(name.lastIndexOf('.') + 1) : ''
  const known = DOCUMENT_EXTENSIONS[extension]
  if (known) return known
  // A page's address may end in `.php` or `.js`; its text tells.
  const isCode = CODE_EXTENSIONS.has(extension) || CODE_NAMES.has(name)
  if ((isUrl || !isCode) && HTML_START.test(start)) return 'text/html'
  return isCode ? CODE : 'text/plain'
}

/**
 * How to read a media type.
 *
 * @throws TurboError `unsupported_media_type`
 */
export function kindOf(path: string, mediaType: string): DocumentKind {
  const kind = KIND_OF_TYPE[mediaType] ?? (mediaType.startsWith('text/x-') ? 'code' : undefined)
  if (kind) return kind
  if (mediaType.startsWith('text/')) return 'text'
  throw new TurboError('unsupported_media_type', `${path}: documents of type ${mediaType} cannot be read`, {
    next: 'Give Markdown, text, HTML, source code or PDF.',
  })
}

/** `text/html; charset=latin1` as `text/html` and `latin1`; null where it says nothing of the document. */
export function parseMediaType(given: string | undefined): { essence: string; charset: string | undefined } | null {
  const [essence = '', ...parameters] = (given ?? '').split(';').map((part) => part.trim())
  if (essence === '' || essence.toLowerCase() === 'application/octet-stream') return null
  const charset = parameters.find((parameter) => /^charset=/i.test(parameter))?.slice('charset='.length)
  return { essence: essence.toLowerCase(), charset: charset?.replaceAll('"', '') }
}

function beginning(content: string | Uint8Array): string {
  if (typeof content === 'string') return content.slice(0, SNIFF_CHARS)
  return new TextDecoder('latin1').decode(content.subarray(0, SNIFF_CHARS)).replace(/^ï»¿/, '')
}
