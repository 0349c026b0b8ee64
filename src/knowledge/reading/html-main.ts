import { DomUtils } from 'htmlparser2'
import { type HtmlDocument, type HtmlElement, type HtmlNode, isElement } from './html-dom.ts'

const NEVER_TEXT = new Set(
  'script style noscript template svg iframe object embed canvas audio video button select input textarea nav aside footer head dialog'.split(
    ' ',
  ),
)

const ROLES = new Set(
  'navigation banner contentinfo search complementary dialog alertdialog alert menu menubar toolbar tablist'.split(' '),
)

/** Classes and ids of what surrounds the text on most sites, as whole words between blanks, `-` and `_`. */
const SURROUNDINGS =
  /(?:^|[\s_-])(?:nav|navbar|navheader|navfooter|navigation|menu|sidebar|breadcrumbs?|cookies?|consent|gdpr|banner|footer|pagination|pager|share|sharing|social|newsletter|subscribe|advert|adverts|advertisement|ads?|promo|related|skip|skiplink|masthead|toolbar|popup|modal|comments|disqus)(?:$|[\s_-])/i

/** Elements that may be a block of navigation; a `class="comment"` of highlighted code is none. */
const BLOCKS = new Set('div section ul ol dl table header form p center'.split(' '))

/** A block is a list of links when so much of its text is in at least so many links. */
const LINK_SHARE = 0.8
const LINKS_MIN = 3

/** A page with less text than this besides its lists of links is an index: there they are the text. */
const TEXT_CHARS_MIN = 250

/** An element that holds more of the page's text than this is not a part of its surroundings, whatever its class. */
const MAIN_SHARE = 0.5

/** Blocks that no line of a table can hold. */
const LAID_OUT = new Set('pre table h1 h2 h3 h4'.split(' '))
const TABLE_PARTS = new Set('thead tbody tfoot tr td th'.split(' '))

interface Weight {
  chars: number
  linkChars: number
  links: number
  hasTitle: boolean
}

type Weights = Map<HtmlNode, Weight>

/** Removes from `main` what is not its text: scripts, what is hidden, navigation, banners, lists of links. */
export function removeBoilerplate(main: HtmlDocument | HtmlElement): void {
  removeWhere(main, (element) => NEVER_TEXT.has(element.name) || isHidden(element) || isPermalink(element))
  const { weights, total } = weighAll(main)
  const isWhole = !removeWhere(
    main,
    (element) => isSurroundings(element) && isBeside(weightOf(weights, element), total),
  )
  removeLists(main, isWhole ? { weights, total } : weighAll(main))
  divideLayoutTables(main)
}

function isHidden({ attribs }: HtmlElement): boolean {
  return (
    'hidden' in attribs ||
    attribs['aria-hidden'] === 'true' ||
    ROLES.has(attribs.role ?? '') ||
    /display\s*:\s*none/i.test(attribs.style ?? '')
  )
}

/** The `#` or `¶` behind a heading that links to itself. */
function isPermalink(element: HtmlElement): boolean {
  if (element.name !== 'a' || !element.attribs.href?.startsWith('#') || element.children.length !== 1) return false
  return /^\s*[¶#§🔗]?\s*$/u.test(DomUtils.textContent(element))
}

function isSurroundings({ name, attribs }: HtmlElement): boolean {
  if (!BLOCKS.has(name)) return false
  const { class: classes = '', id = '' } = attribs
  return name === 'header' || (classes !== '' && SURROUNDINGS.test(classes)) || (id !== '' && SURROUNDINGS.test(id))
}

function isBeside({ hasTitle, chars }: Weight, total: Weight): boolean {
  return !hasTitle && chars <= total.chars * MAIN_SHARE
}

function weighAll(main: HtmlDocument | HtmlElement): { weights: Weights; total: Weight } {
  const weights: Weights = new Map()
  return { total: weigh(main, weights), weights }
}

/** Removes lists of links, unless they are what the page is about. */
function removeLists(main: HtmlDocument | HtmlElement, { weights, total }: ReturnType<typeof weighAll>): void {
  // A page that marks its main text has its menus elsewhere; a list of links inside is part of the text.
  if (isElement(main as HtmlNode) && (main as HtmlElement).name !== 'body') return
  const lists = new Set(outermostLists(main, weights))
  const listChars = [...lists].reduce((sum, list) => sum + weightOf(weights, list).chars, 0)
  if (total.chars - listChars < TEXT_CHARS_MIN) return
  removeWhere(main, (element) => lists.has(element))
}

function outermostLists(node: HtmlDocument | HtmlElement, weights: Weights): HtmlElement[] {
  return node.children.filter(isElement).flatMap((child) => {
    const isList = BLOCKS.has(child.name) && isLinkList(weightOf(weights, child))
    return isList ? [child] : outermostLists(child, weights)
  })
}

function isLinkList({ chars, linkChars, links, hasTitle }: Weight): boolean {
  return !hasTitle && links >= LINKS_MIN && linkChars >= chars * LINK_SHARE
}

/** Tables that hold blocks are there for the layout: their cells become blocks, not columns of a line. */
function divideLayoutTables(main: HtmlDocument | HtmlElement): void {
  const tables = DomUtils.getElementsByTagName('table', main, true) as HtmlElement[]
  for (const table of tables) {
    if (DomUtils.findOne((element) => LAID_OUT.has(element.name), table.children)) divide(table)
  }
}

function divide(part: HtmlElement): void {
  part.name = 'div'
  for (const child of part.children) if (isElement(child) && TABLE_PARTS.has(child.name)) divide(child)
}

/**
 * Removes comments, and the outermost elements that are unwanted; a page may have a million in one parent.
 *
 * @returns whether an element was removed
 */
function removeWhere(root: HtmlDocument | HtmlElement, isUnwanted: (element: HtmlElement) => boolean): boolean {
  let hasRemoved = false
  const kept = root.children.filter((child) => {
    if (!isElement(child)) return child.type !== 'comment'
    const removes = isUnwanted(child)
    hasRemoved = removes || removeWhere(child, isUnwanted) || hasRemoved
    return !removes
  })
  if (kept.length < root.children.length) root.children = kept
  return hasRemoved
}

/** Weighs `node` and every block below it: how much text it holds, and how much of that in links. */
function weigh(node: HtmlDocument | HtmlElement, weights: Weights): Weight {
  const weight: Weight = { chars: 0, linkChars: 0, links: 0, hasTitle: false }
  for (const child of node.children) {
    if (child.type === 'text') weight.chars += child.data.trim().length
    if (!isElement(child)) continue
    const inner = weigh(child, weights)
    if (BLOCKS.has(child.name)) weights.set(child, inner)
    const isLink = child.name === 'a' && 'href' in child.attribs
    weight.chars += inner.chars
    weight.linkChars += isLink ? inner.chars : inner.linkChars
    weight.links += isLink ? 1 : inner.links
    weight.hasTitle ||= inner.hasTitle || child.name === 'h1'
  }
  return weight
}

function weightOf(weights: Weights, node: HtmlNode): Weight {
  return weights.get(node) ?? { chars: 0, linkChars: 0, links: 0, hasTitle: false }
}
