/**
 * As much of XML as a gateway's answers need: elements and their text. No document types, so no entities but the five
 * that XML itself has, and nothing that grows; no attributes; names without their prefixes.
 */

export interface XmlElement {
  /** Without its prefix. */
  readonly name: string;
  /** The text directly within, its ends trimmed. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const MAX_DEPTH = 32;
const MAX_ELEMENTS = 1_000;

interface Open {
  readonly name: string;
  text: string;
  readonly children: XmlElement[];
}

/** The root element of `text`, or undefined when it is not well-formed, or beyond the limits. */
export function parseXml(text: string): XmlElement | undefined {
  const root: Open = { name: '', text: '', children: [] };
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
      // What is left with an exclamation mark declares a document type.
      const name = localName(/^<([^\s/>!]+)/.exec(markup)?.[1] ?? '');
      elements += 1;
      if (name === '' || elements > MAX_ELEMENTS || stack.length > MAX_DEPTH) return undefined;
      if (markup.endsWith('/>')) top.children.push({ name, text: '', children: [] });
      else stack.push({ name, text: '', children: [] });
    }
  }
  return stack.length === 1 && root.children.length === 1 ? root.children[0] : undefined;
}

/** All elements of that name within `element`, itself included, in their order. */
export function elementsNamed(element: XmlElement, name: string): XmlElement[] {
  const found: XmlElement[] = [];
  const waiting = [element];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.name === name) found.push(next);
    waiting.push(...next.children.toReversed());
  }
  return found;
}

/** The text of the child of that name, or of the first of several; undefined when there is none. */
export function textOf(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&apos;': "'",
};
const CHARACTERS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ENTITIES).map(([entity, character]) => [character, entity]),
);

export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => CHARACTERS[character] ?? character);
}

function unescapeXml(text: string): string {
  return text.replace(/&(lt|gt|amp|quot|apos);/g, (entity) => ENTITIES[entity] ?? entity);
}

/** One past the end of the markup that begins at `tag`. */
function endOf(text: string, tag: number): number | undefined {
  const [opening, closing] = SPANS.find(([begin]) => text.startsWith(begin, tag)) ?? ['<', '>'];
  const end = text.indexOf(closing, tag + opening.length);
  return end === -1 ? undefined : end + closing.length;
}

/** What may hold a `>`. In an attribute it may stand too, but no gateway puts one there. */
const SPANS = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
] as const;

function localName(name: string): string {
  return name.trim().split(':').at(-1) ?? '';
}

function close({ name, text, children }: Open): XmlElement {
  return { name, text: text.trim(), children };
}
