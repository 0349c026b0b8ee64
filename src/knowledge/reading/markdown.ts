import { parse } from 'yaml'

/** Longer blocks between `---` lines are text, not front matter. */
const FRONT_MATTER_CHARS_MAX = 64_000

const FRONT_MATTER = /^---[ \t]*\r?\n([^]*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/
const FIRST_HEADING = /^ {0,3}#{1,6}[ \t]+(\S.{0,300})$|^(\S.{0,300})\r?\n=+[ \t]*$/m
/** Titles stand before this; searching all of a long text for a heading would find one of its code. */
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
    const value: unknown = parse(yaml, { logLevel: 'silent' })
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}

function firstHeading(text: string): string | null {
  const start = text.slice(0, TITLE_CHARS).replace(/^[ \t]*(`{3,}|~{3,})[^]*?(?:^[ \t]*\1|$(?![^]))/gm, '')
  const found = FIRST_HEADING.exec(start)
  const title = (found?.[1] ?? found?.[2])?.replace(/\s#+\s*$/, '').replace(/[*`]/g, '')
  return title?.trim() || null
}
