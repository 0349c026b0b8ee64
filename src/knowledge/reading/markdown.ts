import { parse } from 'yaml'
import { scanMarkdown } from '../text/structure.ts'

/** Longer blocks between `---` lines are text, not front matter. */
const FRONT_MATTER_CHARS_MAX = 64_000

const FRONT_MATTER = /^---[ \t]*\r?\n([\s\S]*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/

/** Titles stand before this. */
const TITLE_CHARS = 4_000

/** The text of a Markdown document without its front matter, and its title: the front matter's, else the first heading. */
export function readMarkdown(source: string): { title: string | null; text: string } {
  const { title, text } = splitFrontMatter(source)
  return { title: title ?? firstHeading(text), text }
}

function splitFrontMatter(source: string): { title: string | null; text: string } {
  const found = FRONT_MATTER.exec(source.slice(0, FRONT_MATTER_CHARS_MAX))
  if (!found) return { title: null, text: source }
  const fields = parseFields(found[1] ?? '')
  // Two rulers around what is no YAML mapping: text like any other.
  if (!fields) return { title: null, text: source }
  const title = typeof fields.title === 'string' ? fields.title.trim() : ''
  return { title: title || null, text: source.slice(found[0].length) }
}

function parseFields(yaml: string): Record<string, unknown> | null {
  try {
    const value: unknown = parse(yaml, { logLevel: 'error' })
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}

function firstHeading(text: string): string | null {
  let title: string | undefined
  scanMarkdown(text.slice(0, TITLE_CHARS), ({ path }) => {
    title ??= path[0]
  })
  return title?.replace(/[*`]/g, '').trim() || null
}
