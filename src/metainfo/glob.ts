/**
 * Globs over paths: `*` and `?` stand for characters of one element, `[a-z]` and `[!a-z]` for one character, `**` for
 * any number of elements. A backslash takes the next character for itself. Matching takes at most the product of both
 * lengths.
 */

type Token =
  | { readonly kind: 'character'; readonly matches: (character: string) => boolean }
  | { readonly kind: 'star' };

type Element = { readonly kind: 'element'; readonly tokens: readonly Token[] } | { readonly kind: 'globstar' };

/** Whether a path, given as its elements, is what the pattern means. */
export type PathMatcher = (path: readonly string[]) => boolean;

export function createGlob(pattern: string): PathMatcher {
  const elements = pattern
    .split('/')
    .map(
      (element): Element => (element === '**' ? { kind: 'globstar' } : { kind: 'element', tokens: tokenize(element) }),
    );
  return (path) =>
    matchAll(
      elements,
      path,
      (element) => element.kind === 'globstar',
      (element, name) => element.kind === 'element' && matchesName(element.tokens, name),
    );
}

function matchesName(tokens: readonly Token[], name: string): boolean {
  return matchAll(
    tokens,
    [...name],
    (token) => token.kind === 'star',
    (token, character) => token.kind === 'character' && token.matches(character),
  );
}

/**
 * Whether the parts of a pattern, some of which stand for any number of items, fit all the items. Only the last of
 * those ever has to take one more: what an earlier one took would serve a later one as well.
 */
function matchAll<Part, Item>(
  parts: readonly Part[],
  items: readonly Item[],
  isStar: (part: Part) => boolean,
  fits: (part: Part, item: Item) => boolean,
): boolean {
  let part = 0;
  let item = 0;
  let star = -1;
  let taken = 0;
  while (item < items.length) {
    const current = parts[part];
    if (current !== undefined && isStar(current)) {
      star = part;
      taken = item;
      part += 1;
    } else if (current !== undefined && fits(current, items[item] as Item)) {
      part += 1;
      item += 1;
    } else if (star !== -1) {
      taken += 1;
      item = taken;
      part = star + 1;
    } else return false;
  }
  return parts.slice(part).every(isStar);
}

function tokenize(element: string): readonly Token[] {
  const tokens: Token[] = [];
  const characters = [...element];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] as string;
    const end = character === '[' ? classEnd(characters, at) : -1;
    if (character === '*') tokens.push({ kind: 'star' });
    else if (character === '?') tokens.push({ kind: 'character', matches: () => true });
    else if (end !== -1) {
      tokens.push({ kind: 'character', matches: characterClass(characters.slice(at + 1, end)) });
      at = end;
    } else {
      const escaped = character === '\\' ? characters[at + 1] : undefined;
      if (escaped !== undefined) at += 1;
      const literal = escaped ?? character;
      tokens.push({ kind: 'character', matches: (other) => other === literal });
    }
  }
  return tokens;
}

/** Where the class that begins at `begin` ends, or -1: a bracket that nothing closes means itself. */
function classEnd(characters: readonly string[], begin: number): number {
  const negation = characters[begin + 1] === '!' || characters[begin + 1] === '^' ? 1 : 0;
  // A class is never empty, so a bracket in its first place belongs to it.
  return characters.indexOf(']', begin + 2 + negation);
}

function characterClass(inside: readonly string[]): (character: string) => boolean {
  const negated = inside[0] === '!' || inside[0] === '^';
  const members = negated ? inside.slice(1) : inside;
  const ranges: (readonly [from: string, to: string])[] = [];
  for (let at = 0; at < members.length; at += 1) {
    const from = members[at] as string;
    const to = members[at + 1] === '-' ? members[at + 2] : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  const code = (character: string) => character.codePointAt(0) ?? 0;
  return (character) =>
    ranges.some(([from, to]) => code(from) <= code(character) && code(character) <= code(to)) !== negated;
}
