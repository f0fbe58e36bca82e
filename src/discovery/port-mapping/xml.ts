/**
 * As much of XML as the answers of a gateway need: elements and their text. Attributes are skipped, and names lose
 * their prefixes. A document type is refused, so there are no entities but the five of XML itself, and no text can
 * expand.
 */

export interface XmlElement {
  /** Without its prefix. */
  readonly name: string;
  /** The text directly inside the element, without white space at both ends. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const MAX_DEPTH = 32;
const MAX_ELEMENTS = 1_000;

/** An element whose end has not come yet. */
interface OpenElement {
  readonly name: string;
  text: string;
  readonly children: XmlElement[];
}

/** The root element of `text`. Undefined when `text` is not well-formed, has a document type, or exceeds the limits. */
export function parseXml(text: string): XmlElement | undefined {
  const root: OpenElement = { name: '', text: '', children: [] };
  const stack = [root];
  let elements = 0;
  for (let at = 0; at < text.length; ) {
    const top = stack.at(-1) ?? root;
    const tag = text.indexOf('<', at);
    top.text += unescapeXml(text.slice(at, tag === -1 ? text.length : tag));
    if (tag === -1) break;
    const end = endOf(text, tag);
    if (end === undefined) return undefined;
    const markup = text.slice(tag, end);
    at = end;
    if (markup.startsWith('<![CDATA[')) top.text += markup.slice('<![CDATA['.length, -']]>'.length);
    else if (markup.startsWith('</')) {
      if (stack.length === 1 || localName(markup.slice(2, -1)) !== top.name) return undefined;
      stack.pop();
      stack.at(-1)?.children.push(close(top));
    } else if (!markup.startsWith('<?') && !markup.startsWith('<!--')) {
      // Other markup that begins with an exclamation mark declares a document type. It has no name here.
      const name = localName(/^<([^\s/>!]+)/.exec(markup)?.[1] ?? '');
      elements += 1;
      if (name === '' || elements > MAX_ELEMENTS || stack.length > MAX_DEPTH) return undefined;
      if (markup.endsWith('/>')) top.children.push({ name, text: '', children: [] });
      else stack.push({ name, text: '', children: [] });
    }
  }
  return stack.length === 1 && root.children.length === 1 ? root.children[0] : undefined;
}

/** All elements called `name` in `element`, itself included, in the order of the document. */
export function elementsNamed(element: XmlElement, name: string): XmlElement[] {
  const found: XmlElement[] = [];
  const waiting = [element];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.name === name) found.push(next);
    waiting.push(...next.children.toReversed());
  }
  return found;
}

/** The text of the first child called `name`. Undefined when there is none. */
export function textOf(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

/** The ampersand is last: what its entity leaves behind begins no other entity. */
const ENTITIES = [
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&apos;', "'"],
  ['&amp;', '&'],
] as const;

/** The ampersand is first: the entities hold ampersands of their own. */
export function escapeXml(text: string): string {
  return ENTITIES.reduceRight((escaped, [entity, character]) => escaped.replaceAll(character, entity), text);
}

/** Entity by entity: a function for each match costs over a hundred bytes for each `&amp;` that a gateway sends. */
function unescapeXml(text: string): string {
  return ENTITIES.reduce((plain, [entity, character]) => plain.replaceAll(entity, character), text);
}

/** Markup that may hold a `>`. The value of an attribute may hold one too, but no gateway sends that. */
const SPANS = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
] as const;

/** The index after the markup that begins at `tag`. Undefined when the markup does not end. */
function endOf(text: string, tag: number): number | undefined {
  const [opening, closing] = SPANS.find(([begin]) => text.startsWith(begin, tag)) ?? ['<', '>'];
  const end = text.indexOf(closing, tag + opening.length);
  return end === -1 ? undefined : end + closing.length;
}

function localName(name: string): string {
  return name.trim().split(':').at(-1) ?? '';
}

function close({ name, text, children }: OpenElement): XmlElement {
  return { name, text: text.trim(), children };
}
