import { DomUtils } from 'htmlparser2'
import { type HtmlDocument, type HtmlElement, isElement, parseHtml } from './html-dom.ts'
import { removeBoilerplate } from './html-main.ts'
import { toMarkdown } from './html-markdown.ts'

/**
 * The main text of a page as Markdown, and its title: without menus, navigation, banners, sidebars, scripts.
 *
 * @throws TurboError `invalid_input` where elements are nested deeper than 1,000
 */
export function readHtml(path: string, source: string): { title: string | null; text: string } {
  const document = parseHtml(path, source)
  const main = mainOf(document)
  const title = titleOf(document, main)
  removeBoilerplate(main)
  const html = DomUtils.getOuterHTML(main, { encodeEntities: 'utf8' })
  // The converter looks through the whole page for its body, unless that comes first.
  const text = toMarkdown('name' in main && main.name === 'body' ? html : `<body>${html}</body>`)
  return { title, text }
}

/** The element that says it holds the main text; the only article; else the body, else everything. */
function mainOf(document: HtmlDocument): HtmlDocument | HtmlElement {
  const isMain = ({ name, attribs }: HtmlElement) => name === 'main' || attribs.role === 'main'
  const isNamed = ({ name }: HtmlElement) => name === 'article' || name === 'body'
  const elements = DomUtils.find(
    (node) => isElement(node) && (isMain(node) || isNamed(node)),
    document.children,
    true,
    Number.POSITIVE_INFINITY,
  ) as HtmlElement[]
  const main = elements.find(isMain)
  const articles = elements.filter((element) => element.name === 'article')
  const article = articles.length === 1 ? articles[0] : undefined
  return main ?? article ?? elements.find((element) => element.name === 'body') ?? document
}

/** What the page calls itself, without the site's name where the main heading shows which part that is. */
function titleOf(document: HtmlDocument, main: HtmlDocument | HtmlElement): string | null {
  const page = textOf(firstNamed('title', document))
  const heading = textOf(firstNamed('h1', main) ?? firstNamed('h1', document))
  const isPartOfPageTitle = heading !== '' && (page.startsWith(heading) || page.endsWith(heading))
  return (isPartOfPageTitle ? heading : page || heading || textOf(firstNamed('h2', main))) || null
}

function firstNamed(name: string, within: HtmlDocument | HtmlElement): HtmlElement | null {
  const isWanted = (element: HtmlElement) =>
    element.name === name && !(element.parent && 'name' in element.parent && element.parent.name === 'svg')
  return DomUtils.findOne(isWanted, within.children) as HtmlElement | null
}

function textOf(element: HtmlElement | null): string {
  // The sign of a link to the heading itself.
  return element
    ? DomUtils.textContent(element)
        .replace(/\s+/g, ' ')
        .replace(/[¶#§🔗]+$/u, '')
        .trim()
    : ''
}
