import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../../src/base/errors.ts'
import { DOCUMENT_BYTES_MAX, readDocument, TEXT_CHARS_MAX } from '../../../src/knowledge/reading/read-document.ts'
import { ARTICLE_PAGE, MANUAL_PAGE, pdfOf } from './pages.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const readHtml = async (content: string) => readDocument({ path: 'page.html', content })

describe('HTML', () => {
  test('a page of a manual: its title, its text, nothing of its navigation', async () => {
    const { title, text, mediaType, format } = await readHtml(MANUAL_PAGE)
    expect([title, mediaType, format]).toEqual(['2.5. Querying a Table', 'text/html', 'markdown'])
    for (const link of ['Prev', 'Next', 'Up', 'Home', 'Chapter 2', '2.6. Joins', '2.5.1. One']) {
      expect(text).not.toContain(link)
    }
    expect(text).toMatch(
      /^## 2\.5\. Querying a Table\n\nTo retrieve data from a table, the table is queried\. An SQL SELECT/,
    )
    expect(text).toContain('\n\n```\nSELECT *\n    FROM weather;\n```\n\n')
    expect(text).toContain('Note:\n\nRow order may vary.')
    expect(text).toContain('Table 2.1. Types\n\n| Name | Size |\n| int | 4 bytes |\n| text | |')
    expect(text).toContain('work_mem (integer)\n\nMemory of a sort.')
    expect(text).toContain('- first\n\n- second\n  - nested')
  })

  test('an article: without banners, menus, sidebars, hidden words, buttons, scripts', async () => {
    const { title, text } = await readHtml(ARTICLE_PAGE)
    expect(title).toBe('Tuning the pool')
    expect(text).toMatch(/^# Tuning the pool\n\nA pool that is too large/)
    expect(text).toContain('## Measure first\n\n```\n// ten are enough\nconst pool = new Pool({ max: 10 })\n```')
    expect(text).not.toMatch(
      /cookies|Accept|Products|Pricing|Blog|Hidden|Icon|Tweet|Popular|weird|Archive|Imprint|tracking|¶|Example/,
    )
  })

  test('a page of nothing but links is an index: they are its text', async () => {
    const links = ['Alpha', 'Beta', 'Gamma', 'Delta'].map((name) => `<li><a href="/${name}">${name} chapter</a></li>`)
    const { text } = await readHtml(`<title>Contents</title><h1>Contents</h1><ul>${links.join('')}</ul>`)
    expect(text).toContain('- Alpha chapter\n- Beta chapter')
  })

  test('what holds most of the text is no sidebar, whatever its class', async () => {
    const { text } = await readHtml(
      `<body><div class="page-with-sidebar"><p>${'Text. '.repeat(90)}</p></div><p>End.</p></body>`,
    )
    expect(text).toContain('Text. Text.')
  })

  test('a page that marks its main text is read there, lists of links included', async () => {
    const list = '<ul><li><a href="/a">One</a></li><li><a href="/b">Two</a></li><li><a href="/c">Three</a></li></ul>'
    const { text } = await readHtml(`<body><p>Outside.</p><main><p>${'Inside. '.repeat(60)}</p>${list}</main></body>`)
    expect(text).not.toContain('Outside')
    expect(text).toContain('- Two')
  })

  test.each([
    ['Guide - Site', '<h1>Guide</h1>', 'Guide'],
    ['Site: Guide', '<h1>Guide</h1>', 'Guide'],
    ['Only a title', '', 'Only a title'],
    ['Title', '<h1>Something else</h1>', 'Title'],
    ['', '<h1>Heading <a href="#h">#</a></h1>', 'Heading'],
    ['', '', 'page'],
  ])('title %j with %j is %j', async (title, heading, expected) => {
    const head = title ? `<head><title>${title}</title></head>` : ''
    const page = `<html>${head}<body><svg><title>Icon</title></svg>${heading}<p>Text.</p></body></html>`
    expect((await readHtml(page)).title).toBe(expected)
  })

  test('code that holds fences gets a longer one; tables for the layout are no rows', async () => {
    const { text } = await readHtml(
      '<body><table><tr><td><h2>Left</h2><pre>a\n```\nb</pre></td><td>Right</td></tr></table></body>',
    )
    expect(text).toBe('## Left\n\n````\na\n```\nb\n````\n\nRight')
  })

  test('half a megabyte takes a fraction of a second, broken markup does not matter', async () => {
    const page = `<title>Big</title>${'<div><p>Some <b>text &amp; more<p>next<ul><li>a<li>b</div>'.repeat(9_000)}`
    // What else the machine does, and compiling, only adds: the least of some readings is nearest to what one takes.
    const readings: number[] = []
    for (let reading = 0; reading < 3; reading += 1) {
      const before = process.cpuUsage()
      expect((await readHtml(page)).text).toContain('text & more')
      readings.push(process.cpuUsage(before).user / 1000)
    }
    expect(Math.min(...readings)).toBeLessThan(2_000)
  })

  test.each([
    ['blanks', `<pre>${' '.repeat(1_000_000)}x`],
    ['comments', `${'<!--a-->'.repeat(200_000)}x`],
    ['fences', `<pre>${'```x'.repeat(200_000)}`],
    ['cells', `<table><tr>${'<td>x'.repeat(50_000)}`],
  ])('a million characters of %s are read in linear time', async (_, page) => {
    const before = process.cpuUsage()
    expect((await readHtml(page)).text).toContain('x')
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(5_000)
  })

  test.each(['<div>', '<b>', '<table>', '<ul><li>', '<blockquote><i>'])(
    '%s nested without end is refused',
    async (tag) => {
      await expect(readHtml(tag.repeat(100_000))).rejects.toMatchObject({
        code: 'invalid_input',
        message: 'page.html: HTML elements are nested deeper than 1000',
      })
    },
  )

  test.each(['<div>', '<b>', '<table><tr><td>', '<ul><li>', '<blockquote>'])(
    '%s nested 300 deep is read',
    async (tag) => {
      expect((await readHtml(`${tag.repeat(300)}deep`)).text).toContain('deep')
    },
  )
})

describe('Markdown and text', () => {
  test.each([
    ['---\ntitle: "From: the matter"\ntags: [a]\n---\n# Heading\n\nText.', 'From: the matter', '# Heading\n\nText.'],
    ['---\ntags: [a]\n---\n# Heading\n\nText.', 'Heading', '# Heading\n\nText.'],
    ['---\nno mapping\n---\nText.', 'no mapping', '---\nno mapping\n---\nText.'],
    ['---\n: [broken\n---\nText.', ': [broken', '---\n: [broken\n---\nText.'],
    [
      'Intro.\n\n```sh\n# comment\n```\n\n## The `pool`',
      'The pool',
      'Intro.\n\n```sh\n# comment\n```\n\n## The `pool`',
    ],
    ['Title\r\n=====\r\n\r\nText.', 'Title', 'Title\r\n=====\r\n\r\nText.'],
    ['Just text.', 'notes', 'Just text.'],
  ])('%j has the title %j', async (content, title, text) => {
    expect(await readDocument({ path: 'docs/notes.md', content })).toEqual({
      title,
      text,
      mediaType: 'text/markdown',
      format: 'markdown',
    })
  })

  test('text is named after its file, code after its path, and both are kept as they are', async () => {
    const content = 'a\r\n\tb  \n'
    expect(await readDocument({ path: 'a/b.notes.txt', content })).toMatchObject({ title: 'b.notes', text: content })
    expect(await readDocument({ path: 'src/db/pool.ts', content })).toEqual({
      title: 'src/db/pool.ts',
      text: content,
      mediaType: 'text/x-source',
      format: 'code',
    })
  })

  test('a title is one line of at most 500 characters', async () => {
    const { title } = await readDocument({ path: `${'d/'.repeat(249)}a\u{1f600}.ts`, content: 'x' })
    expect(title.length).toBe(499)
    expect(/\p{Surrogate}/u.test(title)).toBe(false)
  })
})

describe('PDF', () => {
  test('its text and its author’s title', async () => {
    const read = await readDocument({
      path: 'a/paper.pdf',
      content: pdfOf(['Vacuum reclaims', 'dead rows.'], 'On Vacuum'),
    })
    expect(read).toEqual({
      title: 'On Vacuum',
      text: 'Vacuum reclaims\ndead rows.',
      mediaType: 'application/pdf',
      format: 'markdown',
    })
    expect((await readDocument({ path: 'a/paper.pdf', content: pdfOf(['x']) })).title).toBe('paper')
  })

  test('the bytes given are left to the caller', async () => {
    const content = pdfOf(['x'])
    await readDocument({ path: 'a.pdf', content })
    expect(content).toEqual(pdfOf(['x']))
  })
})

describe('encodings', () => {
  const umlauts = Uint8Array.from([...bytes('<p>Gr'), 0xfc, 0xdf, ...bytes('e</p>')])

  test('the byte order mark is left out and decides', async () => {
    const utf16 = Uint8Array.from([
      0xff,
      0xfe,
      ...new Uint8Array(Uint16Array.from([...'Grüße'].map((c) => c.charCodeAt(0))).buffer),
    ])
    for (const content of ['\uFEFFGrüße', bytes('\uFEFFGrüße'), utf16]) {
      expect((await readDocument({ path: 'a.txt', content })).text).toBe('Grüße')
    }
  })

  test('HTML names its encoding; the media type wins over it', async () => {
    const page = (meta: string) => Uint8Array.from([...bytes(meta), ...umlauts])
    for (const meta of [
      '<meta charset="iso-8859-1">',
      '<META http-equiv=content-type content="text/html; charset=windows-1252">',
      '<?xml version="1.0" encoding="latin1"?>',
    ]) {
      expect((await readDocument({ path: 'a.html', content: page(meta) })).text).toBe('Grüße')
    }
    const mediaType = 'text/html; charset="ISO-8859-1"'
    expect((await readDocument({ path: 'a', content: page('<meta charset=utf-8>'), mediaType })).text).toBe('Grüße')
  })
})

describe('refusals name the path and say what is wrong', () => {
  const cases: [string, { content: string | Uint8Array; path?: string; mediaType?: string }, ErrorCode, string][] = [
    ['invalid UTF-8', { content: Uint8Array.from([0x61, 0xff, 0x62]) }, 'invalid_input', 'not valid UTF-8'],
    ['NUL bytes', { content: Uint8Array.from([0x61, 0, 0x62]) }, 'unsupported_media_type', 'binary'],
    ['NUL in text', { content: 'a\0b' }, 'unsupported_media_type', 'binary'],
    ['half a character', { content: 'a\ud800b' }, 'invalid_input', 'lone surrogate'],
    ['no text', { content: ' \n\t' }, 'invalid_input', 'holds no text'],
    ['no bytes', { content: new Uint8Array() }, 'invalid_input', 'holds no text'],
    [
      'a page without text',
      { content: '<html><body><nav>Menu</nav></body></html>', path: 'x.html' },
      'invalid_input',
      'holds no text',
    ],
    ['a PDF without text', { content: pdfOf(['']), path: 'x.pdf' }, 'invalid_input', 'holds no text'],
    ['a damaged PDF', { content: bytes('%PDF-1.4 nothing'), path: 'x.pdf' }, 'invalid_input', 'is damaged'],
    ['a PDF as text', { content: '%PDF-1.4', path: 'x.pdf' }, 'invalid_input', 'must be given as bytes'],
    [
      'an unknown encoding',
      { content: bytes('a'), mediaType: 'text/plain; charset=klingon' },
      'invalid_input',
      'unknown text encoding "klingon"',
    ],
    ['an image', { content: bytes('a'), mediaType: 'image/png' }, 'unsupported_media_type', 'image/png cannot be read'],
    ['too many bytes', { content: new Uint8Array(DOCUMENT_BYTES_MAX + 1) }, 'payload_too_large', '20000001 bytes'],
    ['too much text', { content: 'a'.repeat(TEXT_CHARS_MAX + 1) }, 'payload_too_large', '5000001 characters'],
  ]

  test.each(cases)('%s', async (_, { path = 'dir/x.txt', ...document }, code, detail) => {
    const refusal = readDocument({ path, ...document })
    await expect(refusal).rejects.toMatchObject({ code, message: expect.stringContaining(detail) })
    await expect(refusal).rejects.toThrow(`${path}: `)
  })
})
