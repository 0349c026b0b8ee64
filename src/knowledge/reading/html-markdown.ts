import { compile, type FormatCallback, type SelectorDefinition } from 'html-to-text'

/** Beyond what a document may hold; the library truncates longer input. */
const INPUT_CHARS_MAX = 64_000_000

/** Boxes beside the running text; their headings (`Note`, `Tip`) begin no section of it. */
const BOX =
  /(?:^|\s)(?:note|tip|caution|warning|important|danger|info|admonition[\w-]*|callout[\w-]*|alert[\w-]*)(?:\s|$)/i

/** A heading of one line: `## Title`; in a box `Title:`. */
const heading: FormatCallback = (element, walk, builder) => {
  const marks = '#'.repeat(Number(element.name?.slice(1)))
  const inBox = BOX.test(element.parent?.attribs?.class ?? '')
  builder.openBlock({ leadingLineBreaks: 2 })
  walk(element.children, builder)
  builder.closeBlock({
    trailingLineBreaks: inBox ? 1 : 2,
    blockTransform: (text) => text && (inBox ? `${oneLine(text)}:` : `${marks} ${oneLine(text)}`),
  })
}

/** A fence that is longer than any in the code. */
const codeBlock: FormatCallback = (element, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 2, isPre: true })
  walk(element.children, builder)
  builder.closeBlock({ trailingLineBreaks: 2, blockTransform: fenced })
}

/** A row is a line: `| name | value |`. */
const row: FormatCallback = (element, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 1 })
  walk(element.children, builder)
  builder.closeBlock({ trailingLineBreaks: 1, blockTransform: (text) => text && `| ${oneLine(text)}` })
}

const cell: FormatCallback = (element, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 1 })
  walk(element.children, builder)
  // An empty cell keeps its column.
  builder.addInline(' ')
  builder.closeBlock({ trailingLineBreaks: 1, blockTransform: (text) => `${oneLine(text)} |` })
}

/** Rows on lines of their own, whatever blocks their cells hold. */
const table: FormatCallback = (element, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 2 })
  walk(element.children, builder)
  builder.closeBlock({ trailingLineBreaks: 2, blockTransform: (text) => text.replace(/\n{2,}/g, '\n') })
}

function fenced(code: string): string {
  const text = code.replace(/^(?:[ \t]*\n)+/, '').trimEnd()
  if (text === '') return ''
  const longest = (text.match(/`{3,}/g) ?? []).reduce((most, run) => Math.max(most, run.length), 2)
  const fence = '`'.repeat(longest + 1)
  return `${fence}\n${text}\n${fence}`
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

function all(tags: string, format: string, options?: SelectorDefinition['options']): SelectorDefinition[] {
  return tags.split(' ').map((selector) => ({ selector, format, options }))
}

const NEXT_LINE = { leadingLineBreaks: 1, trailingLineBreaks: 1 }

const convert = compile({
  wordwrap: false,
  limits: { maxInputLength: INPUT_CHARS_MAX },
  formatters: { atx: heading, codeBlock, table, row, cell },
  selectors: [
    ...all('h1 h2 h3 h4 h5 h6', 'atx'),
    ...all('pre', 'codeBlock'),
    ...all('tr', 'row'),
    ...all('td th', 'cell'),
    ...all('table', 'table'),
    ...all('p dl blockquote figure section article main header details', 'block'),
    ...all('div caption figcaption summary address fieldset legend center', 'block', NEXT_LINE),
    ...all('dt', 'block', { leadingLineBreaks: 2, trailingLineBreaks: 1 }),
    ...all('dd', 'block', { leadingLineBreaks: 1, trailingLineBreaks: 2 }),
    ...all('ul', 'unorderedList', { itemPrefix: '- ' }),
    ...all('ol', 'orderedList'),
    ...all('a', 'inline'),
    ...all('img hr', 'skip'),
  ],
})

/** Text of an HTML fragment: headings as `#`, code blocks as fences, lists as `-`, a line for each row of a table. */
export function toMarkdown(html: string): string {
  return convert(html)
    .replace(/[\u00A0\u2007\u202F]/g, ' ')
    .replace(/[\u00AD\u200B\uFEFF]/g, '')
    .replace(/(?<![ \t])[ \t]+$/gm, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}
