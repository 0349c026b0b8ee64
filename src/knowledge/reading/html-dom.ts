import { DomHandler, Parser, type parseDocument } from 'htmlparser2'
import { TurboError } from '../../base/errors.ts'

/** A parsed page. */
export type HtmlDocument = ReturnType<typeof parseDocument>
export type HtmlNode = HtmlDocument['children'][number]
export type HtmlElement = Extract<HtmlNode, { attribs: Record<string, string> }>

/** Deeper nesting is an attack or a mistake: parsing would take quadratic time, rendering exhaust the stack. */
const DEPTH_MAX = 1_000

export function isElement(node: HtmlNode): node is HtmlElement {
  return 'attribs' in node
}

/**
 * The page as a tree, whatever its faults.
 *
 * @throws TurboError `invalid_input` where elements are nested deeper than 1,000
 */
export function parseHtml(path: string, source: string): HtmlDocument {
  class BoundedHandler extends DomHandler {
    override onopentag(name: string, attributes: Record<string, string>): void {
      if (this.tagStack.length > DEPTH_MAX) {
        throw new TurboError('invalid_input', `${path}: HTML elements are nested deeper than ${DEPTH_MAX}`)
      }
      super.onopentag(name, attributes)
    }
  }
  const handler = new BoundedHandler()
  new Parser(handler, { decodeEntities: true }).end(source)
  return handler.root
}
